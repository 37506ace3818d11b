using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Materialization;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.NodeAgent.Tests.Materialization;

[TestClass]
public sealed class MaterializerTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("materialize-").FullName;

    public TestContext TestContext { get; set; } = null!;

    private string Target => Path.Combine(_folder, "models", "abc");

    [TestCleanup]
    public void RemoveFolder()
    {
        ReadOnlyTree.Remove(Target);
        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_OfAModelWithFilesOfAllSizes_GivesTheSameBytesReadOnly()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        (string Path, byte[] Content)[] files =
        [
            ("config.json", "{}"u8.ToArray()),
            ("empty.txt", []),
            ("model-00001.safetensors", Noise(1, (9 * 1024 * 1024) + 123)),
            ("nested/deep/model-00002.safetensors", Compressible(5 * 1024 * 1024)),
            ("aligned.bin", Noise(2, 4 * 1024 * 1024)),
        ];
        Digest digest = await registry.PackAsync(files);
        MaterializationProgress progress = await RunAsync(registry, digest);

        foreach ((string path, byte[] content) in files)
        {
            string file = Path.Combine(Target, path);
            Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(file, TestContext.CancellationToken), path);
            Assert.AreEqual("444", Convert.ToString((int)File.GetUnixFileMode(file), 8));
        }

        Assert.AreEqual("555", Convert.ToString((int)File.GetUnixFileMode(Path.Combine(Target, "nested", "deep")), 8));
        Assert.AreEqual("555", Convert.ToString((int)File.GetUnixFileMode(Target), 8));
        Assert.HasCount(files.Length, Directory.GetFiles(Target, "*", SearchOption.AllDirectories));
        Assert.HasCount(1, Directory.GetFileSystemEntries(Path.GetDirectoryName(Target)!), "only the target is left");
        Assert.AreEqual(files.Sum(file => file.Content.LongLength), progress.BytesDone);
        Assert.AreEqual(progress.BytesExpected, progress.BytesDone);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_Again_FetchesNoChunk()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        Digest digest = await registry.PackAsync(("weights.bin", Noise(3, 5 * 1024 * 1024)));
        await RunAsync(registry, digest);
        registry.Fetched.Clear();
        MaterializationProgress progress = await RunAsync(registry, digest);
        Assert.IsLessThanOrEqualTo(1, registry.Fetched.Count, "the config alone");
        Assert.AreEqual(progress.BytesExpected, progress.BytesDone);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_OverATargetThatSomebodyCut_WritesItAnew()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = Noise(4, 3 * 1024 * 1024);
        Digest digest = await registry.PackAsync(("weights.bin", content));
        await RunAsync(registry, digest);
        string file = Path.Combine(Target, "weights.bin");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (FileStream stream = File.OpenWrite(file))
        {
            stream.SetLength(100);
        }

        await RunAsync(registry, digest);
        Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(file, TestContext.CancellationToken));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_AfterAnInterruption_FetchesOnlyWhatIsMissing()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = Noise(5, 20 * 1024 * 1024);
        Digest digest = await registry.PackAsync(("weights.bin", content));
        using var interruption = new CancellationTokenSource();
        int blobs = 0;
        registry.OnBlob = async (_, bytes) =>
        {
            if (Interlocked.Increment(ref blobs) == 7)
            {
                await interruption.CancelAsync();
            }

            return bytes;
        };
        await Assert.ThrowsAsync<OperationCanceledException>(() => RunAsync(registry, digest, interruption.Token));
        Assert.IsFalse(Directory.Exists(Target), "nothing is published before it is whole");

        HashSet<string> before = [.. registry.Fetched];
        registry.Fetched.Clear();
        await RunAsync(registry, digest);
        Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(Path.Combine(Target, "weights.bin"), TestContext.CancellationToken));

        // Two chunks may have been under way at parallelism 2, beside the config.
        Assert.IsLessThanOrEqualTo(3, registry.Fetched.Count(before.Contains), "chunks that were there were fetched again");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_WithAChunkDamagedOnTheWay_FetchesItAgain()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = Noise(6, 5 * 1024 * 1024);
        Digest digest = await registry.PackAsync(("weights.bin", content));
        int damaged = 0;
        registry.OnBlob = (_, bytes) => Task.FromResult<byte[]?>(bytes.Length > 1_000_000 && Interlocked.Increment(ref damaged) == 1 ? Flip(bytes) : bytes);
        await RunAsync(registry, digest);
        Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(Path.Combine(Target, "weights.bin"), TestContext.CancellationToken));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_WithAChunkDamagedForGood_PublishesNothing()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        Digest digest = await registry.PackAsync(("weights.bin", Noise(7, 5 * 1024 * 1024)));
        registry.OnBlob = (_, bytes) => Task.FromResult<byte[]?>(bytes.Length > 1_000_000 ? Flip(bytes) : bytes);
        await Assert.ThrowsAsync<Exception>(() => RunAsync(registry, digest));
        Assert.IsFalse(Directory.Exists(Target));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_OfADigestThatIsNotThere_SaysSo()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        var missing = Digest.Sha256Of("nothing"u8);
        IOException e = await Assert.ThrowsAsync<IOException>(() => RunAsync(registry, missing));
        Assert.Contains(missing.ToString(), e.Message);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_WhileAnotherRunWritesTheSameTarget_IsRefused()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        Digest digest = await registry.PackAsync(("weights.bin", Noise(8, 3 * 1024 * 1024)));
        Directory.CreateDirectory(Path.GetDirectoryName(Target)!);
        using (ResumeJournal.Open(new TargetPaths(Target).Journal, digest, isUsable: false))
        {
            IOException e = await Assert.ThrowsAsync<IOException>(() => RunAsync(registry, digest));
            Assert.Contains("another process", e.Message);
        }

        await RunAsync(registry, digest);
    }

    private static byte[] Noise(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Compressible(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)(i % 251 / 16);
        }

        return bytes;
    }

    private static byte[] Flip(byte[] bytes)
    {
        byte[] damaged = [.. bytes];
        damaged[bytes.Length / 2] ^= 1;
        return damaged;
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_OfAModelThatSharesAFileWithAnother_LinksItAndFetchesTheRest()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] shared = Noise(7, 5 * 1024 * 1024);
        byte[] own = Noise(8, 1024);
        Digest digest = await registry.PackAsync(("weights.bin", shared), ("config.json", own), ("empty", []));
        string neighbour = Path.Combine(_folder, "neighbour.bin");
        await File.WriteAllBytesAsync(neighbour, shared, TestContext.CancellationToken);
        var local = new OneLocalFile("weights.bin", neighbour);
        MaterializationProgress progress = await RunAsync(registry, digest, local: local);

        Assert.AreEqual(2, LinksOf(neighbour), "one file with two names");
        Assert.AreSequenceEqual(shared, await File.ReadAllBytesAsync(Path.Combine(Target, "weights.bin"), TestContext.CancellationToken));
        Assert.AreSequenceEqual(own, await File.ReadAllBytesAsync(Path.Combine(Target, "config.json"), TestContext.CancellationToken));
        Assert.AreEqual((long)own.Length, progress.BytesFetched);
        Assert.AreEqual(progress.BytesExpected, progress.BytesDone);
        Assert.IsLessThanOrEqualTo(2, registry.Fetched.Count, "the config blob and the small file");
    }

    [TestMethod, Timeout(60_000)]
    public async Task Run_AfterALinkThatIsNoLongerToBeHad_DoesNotWriteIntoTheOtherModelsFile()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = Noise(9, 3 * 1024 * 1024);
        Digest digest = await registry.PackAsync(("weights.bin", content));
        string neighbour = Path.Combine(_folder, "neighbour.bin");
        await File.WriteAllTextAsync(neighbour, "another model's", TestContext.CancellationToken);
        string partial = new TargetPaths(Target).Partial;
        Directory.CreateDirectory(partial);
        Assert.IsTrue(SharedCopy.TryCreate(neighbour, Path.Combine(partial, "weights.bin"), new FileInfo(neighbour).Length));
        await RunAsync(registry, digest);
        Assert.AreEqual("another model's", await File.ReadAllTextAsync(neighbour, TestContext.CancellationToken));
        Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(Path.Combine(Target, "weights.bin"), TestContext.CancellationToken));
    }

    [TestMethod, Timeout(60_000)]
    public async Task FolderCheck_OfAFlippedBit_NamesTheFile()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = Noise(10, 5 * 1024 * 1024);
        Digest digest = await registry.PackAsync(("config.json", "{}"u8.ToArray()), ("weights.bin", content));
        await RunAsync(registry, digest);
        var reader = await AiModels.ModelPack.ModelPackReader.OpenAsync(registry.Client, FakeRegistry.Repository, digest.ToString(), TestContext.CancellationToken);
        var check = new FolderCheck(bytesPerSecond: 1L << 40, TimeProvider.System);
        Assert.IsNull(await check.FindDamageAsync(Target, reader.Files, TestContext.CancellationToken));

        string file = Path.Combine(Target, "weights.bin");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(file, Flip(content), TestContext.CancellationToken);
        Assert.Contains("weights.bin: the 2097152 bytes from 2097152", await check.FindDamageAsync(Target, reader.Files, TestContext.CancellationToken) ?? "");
    }

    private sealed class OneLocalFile(string path, string source) : ILocalFiles
    {
        public bool TryLink(AiModels.ModelPack.Format.FileEntry file, string target) => file.Path == path && SharedCopy.TryCreate(source, target, file.Length);
    }

    /// <summary>Number of names of a file: stat(1) tells, .NET does not.</summary>
    private static int LinksOf(string path)
    {
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%h", path]) { RedirectStandardOutput = true })!;
        string output = stat.StandardOutput.ReadToEnd();
        stat.WaitForExit();
        return int.Parse(output, System.Globalization.CultureInfo.InvariantCulture);
    }

    private async Task<MaterializationProgress> RunAsync(FakeRegistry registry, Digest digest, CancellationToken? cancellationToken = null, ILocalFiles? local = null)
    {
        var progress = new MaterializationProgress();
        await new Materializer(registry.Client, parallelism: 2, NullLogger.Instance)
            .RunAsync(FakeRegistry.Repository, digest, Target, local ?? NoLocalFiles.Instance, progress, cancellationToken ?? TestContext.CancellationToken);
        return progress;
    }
}
