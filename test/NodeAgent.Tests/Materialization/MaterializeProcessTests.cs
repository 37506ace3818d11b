using System.Diagnostics;
using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Tests.Materialization;

/// <summary>The real program, killed for real.</summary>
[TestClass]
public sealed class MaterializeProcessTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("process-").FullName;

    public TestContext TestContext { get; set; } = null!;

    private string Target => Path.Combine(_folder, "m");

    [TestCleanup]
    public void RemoveFolder()
    {
        ReadOnlyTree.Remove(Target);
        Directory.Delete(_folder, recursive: true);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Materialize_KilledInTheMiddle_GoesOnWhereItWas()
    {
        await using FakeRegistry registry = await FakeRegistry.StartAsync();
        byte[] content = new byte[24 * 1024 * 1024];
        new Random(1).NextBytes(content);
        Digest digest = await registry.PackAsync(("weights.bin", content));

        // The ninth blob never arrives: eight of them, config included, have, and most of their chunks are written.
        var stuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var killed = new TaskCompletionSource();
        int blobs = 0;
        registry.OnBlob = async (_, bytes) =>
        {
            if (Interlocked.Increment(ref blobs) >= 9)
            {
                stuck.TrySetResult();
                await killed.Task;
            }

            return bytes;
        };
        using (Process process = Start(registry, digest))
        {
            await stuck.Task.WaitAsync(TestContext.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.CancellationToken);
        }

        killed.SetResult();
        Assert.IsFalse(Directory.Exists(Target));
        HashSet<string> before = [.. registry.Fetched];
        registry.Fetched.Clear();
        using (Process process = Start(registry, digest))
        {
            await process.WaitForExitAsync(TestContext.CancellationToken);
            Assert.AreEqual(0, process.ExitCode);
        }

        Assert.AreSequenceEqual(content, await File.ReadAllBytesAsync(Path.Combine(Target, "weights.bin"), TestContext.CancellationToken));

        // Again: the config, and the chunks that were under way (two at once) or whose answer was held.
        Assert.IsLessThanOrEqualTo(5, registry.Fetched.Count(before.Contains));
    }

    [TestMethod, Timeout(60_000)]
    [DataRow("--digest sha256:short --registry http://localhost --repository a --target /tmp/x", "--digest")]
    [DataRow("--registry http://localhost --repository a --target /tmp/x", "--digest")]
    public async Task Materialize_WithABadOption_EndsWith2AndNamesIt(string arguments, string named)
    {
        var start = new ProcessStartInfo(Program, "materialize " + arguments) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.CancellationToken);
        await process.WaitForExitAsync(TestContext.CancellationToken);
        Assert.AreEqual(2, process.ExitCode);
        Assert.Contains(named, error);
        Assert.HasCount(1, error.Trim().Split('\n'));
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "nodeagent");

    private Process Start(FakeRegistry registry, Digest digest) => Process.Start(
        Program,
        ["materialize", "--registry", registry.Address, "--repository", FakeRegistry.Repository, "--digest", digest.ToString(), "--target", Target, "--parallelism", "2"]);
}
