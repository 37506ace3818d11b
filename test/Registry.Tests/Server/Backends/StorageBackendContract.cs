using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Tests.Server.Backends;

/// <summary>What <see cref="IStorageBackend"/> promises. Each backend's test class inherits it and adds what is its own.</summary>
public abstract class StorageBackendContract
{
    public TestContext TestContext { get; set; } = null!;

    private protected CancellationToken Token => TestContext.CancellationToken;

    private protected abstract IStorageBackend Backend { get; }

    [TestMethod]
    public async Task Stat_OfNothing_IsNull() => Assert.IsNull(await Backend.StatAsync("a/b", Token));

    [TestMethod]
    public async Task OpenRead_OfNothing_IsNull() => Assert.IsNull(await Backend.OpenReadAsync("a/b", 0, Token));

    [TestMethod]
    public async Task Put_NewPath_CanBeReadWhole()
    {
        byte[] content = TestRegistry.RandomBytes(1000);
        Assert.IsTrue(await Backend.PutAsync("a/b/c", content, PutMode.Replace, Token));
        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("a/b/c", 1000, Token));
        Assert.AreEqual(1000, (await Backend.StatAsync("a/b/c", Token))!.Value.Length);
    }

    [TestMethod]
    public async Task Put_Replace_ReplacesWhole()
    {
        await Backend.PutAsync("x", new byte[100], PutMode.Replace, Token);
        await Backend.PutAsync("x", "new"u8.ToArray(), PutMode.Replace, Token);
        CollectionAssert.AreEqual("new"u8.ToArray(), await Backend.ReadAllAsync("x", 100, Token));
    }

    [TestMethod]
    public async Task Put_IfAbsent_LeavesWhatIsThere()
    {
        Assert.IsTrue(await Backend.PutAsync("x", "old"u8.ToArray(), PutMode.IfAbsent, Token));
        Assert.IsFalse(await Backend.PutAsync("x", "new"u8.ToArray(), PutMode.IfAbsent, Token));
        CollectionAssert.AreEqual("old"u8.ToArray(), await Backend.ReadAllAsync("x", 100, Token));
    }

    [TestMethod]
    public async Task Put_IfAbsentManyAtOnce_OneWins()
    {
        bool[] won = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () => await Backend.PutAsync("locks/one", new[] { (byte)i }, PutMode.IfAbsent, Token))));
        Assert.AreEqual(1, won.Count(isWinner => isWinner));
        Assert.AreEqual(Array.IndexOf(won, true), (await Backend.ReadAllAsync("locks/one", 1, Token))![0]);
    }

    [TestMethod]
    public async Task GetTime_IsTheClockThatEntriesAreStampedBy()
    {
        DateTimeOffset before = await Backend.GetTimeAsync(Token);
        await Backend.PutAsync("x", new byte[1], PutMode.Replace, Token);
        DateTimeOffset modified = (await Backend.StatAsync("x", Token))!.Value.Modified;
        Assert.IsGreaterThanOrEqualTo(before, modified);

        // Not younger than the clock, but for the second in which both stand.
        Assert.IsLessThan(await Backend.GetTimeAsync(Token) + TimeSpan.FromSeconds(2), modified);
    }

    [TestMethod]
    public async Task Check_OfAWorkingMedium_DoesNothing() => await Backend.CheckAsync(Token);

    [TestMethod]
    public async Task OpenRange_ReadsWhatWasAskedFor()
    {
        await Backend.PutAsync("digits", "0123456789"u8.ToArray(), PutMode.Replace, Token);
        await using StorageReader reader = (await Backend.OpenRangeAsync("digits", 2, 3, Token))!;
        byte[] read = new byte[3];
        await reader.Content.ReadExactlyAsync(read, Token);
        CollectionAssert.AreEqual("234"u8.ToArray(), read);
        Assert.AreEqual(10, reader.Entry.Length);
    }

    [TestMethod]
    public async Task Put_NoBytes_IsAnObject()
    {
        await Backend.PutAsync("empty", ReadOnlyMemory<byte>.Empty, PutMode.Replace, Token);
        Assert.AreEqual(0, (await Backend.StatAsync("empty", Token))!.Value.Length);
        Assert.IsEmpty((await Backend.ReadAllAsync("empty", 10, Token))!);
    }

    [TestMethod]
    public async Task ReadAll_MoreThanAllowed_Fails()
    {
        await Backend.PutAsync("x", new byte[11], PutMode.Replace, Token);
        await Assert.ThrowsExactlyAsync<IOException>(async () => await Backend.ReadAllAsync("x", 10, Token));
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(4096)]
    [DataRow(TransferBuffers.LargeSize)]
    [DataRow(3 * TransferBuffers.LargeSize)]
    [DataRow((3 * TransferBuffers.LargeSize) + 1234)]
    public async Task Writer_Commit_MakesExactlyWhatWasWritten(int length)
    {
        byte[] content = TestRegistry.RandomBytes(length);
        using var buffers = new TransferBuffers();
        await using (IStorageWriter writer = await Backend.CreateAsync(new WriteIntent("big/one", length), Token))
        {
            for (int offset = 0; offset < length; offset += TransferBuffers.LargeSize)
            {
                using System.Buffers.IMemoryOwner<byte> block = buffers.Rent(null);
                int count = Math.Min(TransferBuffers.LargeSize, length - offset);
                content.AsMemory(offset, count).CopyTo(block.Memory);
                await writer.WriteAsync(block.Memory[..count], Token);
            }

            Assert.AreEqual(length, writer.Length);
            Assert.IsNull(await Backend.StatAsync("big/one", Token), "nothing may be seen before the commit");
            await writer.CommitAsync("big/one", Token);
        }

        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("big/one", length, Token));
    }

    [TestMethod]
    public async Task Writer_OddPiecesOfUnknownLength_KeepOrder()
    {
        byte[] content = TestRegistry.RandomBytes(2_500_000);
        await using IStorageWriter writer = await Backend.CreateAsync(default, Token);
        int[] sizes = [1, 4095, 4096, 65_537, 1_000_000];
        for (int offset = 0, i = 0; offset < content.Length; i++)
        {
            int count = Math.Min(sizes[i % sizes.Length], content.Length - offset);
            await writer.WriteAsync(content.AsMemory(offset, count), Token);
            offset += count;
        }

        await writer.CommitAsync("odd", Token);
        CollectionAssert.AreEqual(content, await Backend.ReadAllAsync("odd", content.Length, Token));
    }

    [TestMethod]
    public async Task Writer_LessThanAnnounced_IsWhatCame()
    {
        await using IStorageWriter writer = await Backend.CreateAsync(new WriteIntent("short", 10_000_000), Token);
        await writer.WriteAsync("abc"u8.ToArray(), Token);
        await writer.CommitAsync("short", Token);
        CollectionAssert.AreEqual("abc"u8.ToArray(), await Backend.ReadAllAsync("short", 10, Token));
    }

    [TestMethod]
    public async Task Writer_DisposedWithoutCommit_LeavesNothing()
    {
        await using (IStorageWriter writer = await Backend.CreateAsync(new WriteIntent("gone", null), Token))
        {
            await writer.WriteAsync(new byte[100], Token);
        }

        Assert.IsNull(await Backend.StatAsync("gone", Token));
        Assert.IsEmpty(await ListAsync("", null));
    }

    [TestMethod]
    public async Task Writer_CommitOverExisting_Replaces()
    {
        await Backend.PutAsync("same", "old"u8.ToArray(), PutMode.Replace, Token);
        await using IStorageWriter writer = await Backend.CreateAsync(new WriteIntent("same", 3), Token);
        await writer.WriteAsync("new"u8.ToArray(), Token);
        await writer.CommitAsync("same", Token);
        CollectionAssert.AreEqual("new"u8.ToArray(), await Backend.ReadAllAsync("same", 10, Token));
    }

    [TestMethod]
    [DataRow(0, "0123456789")]
    [DataRow(4, "456789")]
    [DataRow(10, "")]
    [DataRow(11, "")]
    public async Task OpenRead_AtOffset_ReadsToTheEnd(int offset, string expected)
    {
        await Backend.PutAsync("digits", "0123456789"u8.ToArray(), PutMode.Replace, Token);
        await using StorageReader reader = (await Backend.OpenReadAsync("digits", offset, Token))!;
        using var text = new StreamReader(reader.Content);
        Assert.AreEqual(expected, await text.ReadToEndAsync(Token));
        Assert.AreEqual(10, reader.Entry.Length);
    }

    [TestMethod]
    public async Task OpenRead_DeletedMeanwhile_ReadsToTheEnd()
    {
        byte[] content = TestRegistry.RandomBytes(3_000_000);
        await Backend.PutAsync("x", content, PutMode.Replace, Token);
        await using StorageReader reader = (await Backend.OpenReadAsync("x", 0, Token))!;
        await Backend.DeleteAsync("x", Token);
        byte[] read = new byte[content.Length];
        await reader.Content.ReadExactlyAsync(read, Token);
        CollectionAssert.AreEqual(content, read);
    }

    [TestMethod]
    public async Task Delete_TellsWhetherSomethingWasThere()
    {
        await Backend.PutAsync("a/b/c", "x"u8.ToArray(), PutMode.Replace, Token);
        Assert.IsTrue(await Backend.DeleteAsync("a/b/c", Token));
        Assert.IsFalse(await Backend.DeleteAsync("a/b/c", Token));
        Assert.IsNull(await Backend.StatAsync("a/b/c", Token));
    }

    [TestMethod]
    public async Task PutAndDelete_InOneFolderAtOnce_NeverDisturbEachOther()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                await Backend.PutAsync($"deep/er/{worker}", new byte[1], PutMode.Replace, Token);
                Assert.IsTrue(await Backend.DeleteAsync($"deep/er/{worker}", Token));
            }
        })));
        Assert.IsEmpty(await ListAsync("", null));
    }

    [TestMethod]
    public async Task Compose_OfOne_MovesIt()
    {
        await Backend.PutAsync("parts/0", "abc"u8.ToArray(), PutMode.Replace, Token);
        await Backend.ComposeAsync(["parts/0"], "whole", Token);
        CollectionAssert.AreEqual("abc"u8.ToArray(), await Backend.ReadAllAsync("whole", 10, Token));
        CollectionAssert.AreEqual(new[] { "whole" }, await ListAsync("", null));
    }

    [TestMethod]
    public async Task Compose_OfMany_ConcatenatesInOrder()
    {
        byte[][] parts = [TestRegistry.RandomBytes(1_500_001), TestRegistry.RandomBytes(3), TestRegistry.RandomBytes(1_048_576)];
        for (int i = 0; i < parts.Length; i++)
        {
            await Backend.PutAsync($"parts/{i}", parts[i], PutMode.Replace, Token);
        }

        await Backend.ComposeAsync(["parts/0", "parts/1", "parts/2"], "whole", Token);
        CollectionAssert.AreEqual(parts.SelectMany(part => part).ToArray(), await Backend.ReadAllAsync("whole", 5_000_000, Token));
        CollectionAssert.AreEqual(new[] { "whole" }, await ListAsync("", null));
    }

    [TestMethod]
    public async Task List_IsRecursiveAndOrdinal()
    {
        string[] paths = ["f/a-b", "f/a/b", "f/a/c", "f/a.b", "f/Z", "f/a0", "g/x"];
        foreach (string path in paths)
        {
            await Backend.PutAsync(path, "1"u8.ToArray(), PutMode.Replace, Token);
        }

        string[] expected = [.. paths.Where(path => path.StartsWith("f/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        CollectionAssert.AreEqual(expected, await ListAsync("f/", null));
        for (int i = 0; i < expected.Length; i++)
        {
            CollectionAssert.AreEqual(expected[(i + 1)..], await ListAsync("f/", expected[i]));
        }

        CollectionAssert.AreEqual(new[] { "f/a/b", "f/a/c" }, await ListAsync("f/a/", null));
        Assert.IsEmpty(await ListAsync("nothing/", null));
        CollectionAssert.AreEqual(paths.Order(StringComparer.Ordinal).ToArray(), await ListAsync("", null));
    }

    [TestMethod]
    public async Task DeleteFolder_RemovesAllBelow()
    {
        await Backend.PutAsync("f/a/b", "1"u8.ToArray(), PutMode.Replace, Token);
        await Backend.PutAsync("f/c", "1"u8.ToArray(), PutMode.Replace, Token);
        await Backend.PutAsync("fa", "1"u8.ToArray(), PutMode.Replace, Token);
        Assert.AreEqual(2, await Backend.DeleteFolderAsync("f/", Token));
        CollectionAssert.AreEqual(new[] { "fa" }, await ListAsync("", null));
    }

    [TestMethod]
    public async Task Create_ForMoreThanTheMediumEverTakes_IsFullAtOnce() =>
        await Assert.ThrowsExactlyAsync<StorageFullException>(async () => await Backend.CreateAsync(new WriteIntent("x", long.MaxValue), Token));

    [TestMethod]
    [DataRow("")]
    [DataRow("/a")]
    [DataRow("a/")]
    [DataRow("a//b")]
    [DataRow("../a")]
    [DataRow("a/../b")]
    [DataRow("a/./b")]
    [DataRow("a\\b")]
    [DataRow("a\0b")]
    [DataRow("ä")]
    public async Task Paths_OutsideOfTheGrammar_AreRefused(string path)
    {
        await Assert.ThrowsExactlyAsync<ArgumentException>(async () => await Backend.StatAsync(path, Token));
        await Assert.ThrowsExactlyAsync<ArgumentException>(async () => await Backend.PutAsync(path, ReadOnlyMemory<byte>.Empty, PutMode.Replace, Token));
        await Assert.ThrowsExactlyAsync<ArgumentException>(async () => await Backend.DeleteAsync(path, Token));
    }

    private async Task<string[]> ListAsync(string folder, string? startAfter)
    {
        var paths = new List<string>();
        await foreach (StorageEntry entry in Backend.ListAsync(folder, startAfter, Token))
        {
            paths.Add(entry.Path);
        }

        return [.. paths];
    }
}
