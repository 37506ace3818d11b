using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.TestKit;

namespace AiModels.Controllers.Tests.Preparation.Matrix;

/// <summary>Archive x format x fault of uploads, one row a fault and all its cells at the same time: Ready with the one right digest or Failed in words, and nothing is left.</summary>
[TestClass]
public sealed class UploadMatrixTests
{
    private static readonly Dictionary<string, Func<(string Path, byte[] Content)[], byte[]>> Archives = new()
    {
        ["m.tar"] = files => Pack.Tar(files),
        ["m.tar.gz"] = files => Pack.Gzip(Pack.Tar(files)),
        ["m.tar.zst"] = files => Pack.Zstd(Pack.Tar(files)),
        ["m.zip"] = files => Pack.Zip(files),
    };

    // A tar is known by its first header.
    private const string NoArchive = "is neither a GGUF file nor one of the archives";

    /// <summary>Equal files must give the equal artifact in every row and from every archive: format to digest.</summary>
    private static readonly ConcurrentDictionary<string, string> Digests = [];

    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync() => _world = await PreparationWorld.StartAsync(withControllers: false);

    [TestCleanup]
    public async Task StopAsync() => await _world.DisposeAsync();

    [TestMethod]
    [DataRow("none")]
    [DataRow("cut")]
    [DataRow("bit flip")]
    [DataRow("too long")]
    [DataRow("worker ends at 25 %")]
    [DataRow("worker ends at 50 %")]
    [DataRow("worker ends at 90 %")]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_Upload_EndsReadyOrFailedAndLeavesNothing(string fault)
    {
        List<Cell> cells = [];
        await StartControllersAsync();
        foreach ((string format, (string Path, byte[] Content)[] files) in MatrixModels.Formats)
        {
            // A zstd frame without a checksum cannot tell that a bit of its content is another.
            foreach ((string name, Func<(string, byte[])[], byte[]> pack) in Archives.Where(archive => (fault, archive.Key) != ("bit flip", "m.tar.zst")))
            {
                cells.Add(await CreateAsync(format, files, name, Damaged(pack(files), fault), Expected(fault, name)));
            }
        }

        (string, byte[] Content) gguf = MatrixModels.Formats[MatrixModels.Gguf][0];
        cells.Add(await CreateAsync(MatrixModels.Gguf, [gguf], "model.gguf", fault == "cut" ? Damaged(gguf.Content, fault) : gguf.Content, fault == "cut" ? "cut short" : null));
        if (fault.StartsWith("worker", StringComparison.Ordinal))
        {
            await RestartAtAsync(cells, int.Parse(fault.Split(' ')[^2]) / 100.0);
        }

        foreach (Cell cell in cells)
        {
            await AssertEndAsync(cell);
        }

        await Eventually.GetAsync(
            async () =>
            {
                int notes = 0;
                foreach (Cell cell in cells)
                {
                    notes += (await _world.NotesAsync($"models/{cell.Model["metadata"]!["uid"]}")).Count;
                }

                return (notes, _world.Reservations, _world.OpenUploads, Secrets: _world.Kubernetes.All(Hosting.Kubernetes.ResourceTypes.Secrets).Count);
            },
            left => left == (0, 0, 0, 0), "no notes, room, uploads and Secrets are left", TestContext.CancellationToken);
    }

    /// <summary>Wherever the workers are when the first report says so: what they have noted is what the next ones begin with.</summary>
    private async Task RestartAtAsync(List<Cell> cells, double fraction)
    {
        await Eventually.GetAsync(
            () => Task.FromResult(cells.Any(cell => _world.Progress.TryGetValue(cell.Name, out ModelProgress? report)
                && (report.Stage == Phases.Ready || (report.BytesExpected > 0 && report.BytesReceived >= fraction * report.BytesExpected)))),
            reached => reached, "a model has come that far", TestContext.CancellationToken);
        await _world.StopControllersAsync();
        await StartControllersAsync();
    }

    private async Task AssertEndAsync(Cell cell)
    {
        ModelStatus status = await _world.WaitForPhaseAsync(cell.Name, cell.Failure is null ? Phases.Ready : Phases.Failed, TestContext.CancellationToken);
        if (cell.Failure is not null)
        {
            Condition ready = status.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
            Assert.AreEqual(cell.Failure == NoArchive ? Reasons.UnsupportedSource : Reasons.PublicationFailed, ready.Reason, cell.Name);
            StringAssert.Contains(ready.Message, cell.Failure, cell.Name);
            return;
        }

        Assert.AreEqual(Digests.GetOrAdd(cell.Format, status.Artifact!.Digest), status.Artifact.Digest, cell.Name);
        Dictionary<string, byte[]> stored = await _world.ReadModelAsync(cell.Model, status.Artifact.Digest);
        CollectionAssert.AreEquivalent(cell.Files.Select(file => file.Path).ToArray(), stored.Keys.ToArray(), cell.Name);
        Assert.IsTrue(cell.Files.All(file => stored[file.Path].AsSpan().SequenceEqual(file.Content)), cell.Name);
    }

    private async Task<Cell> CreateAsync(string format, (string Path, byte[] Content)[] files, string fileName, byte[] upload, string? failure)
    {
        string name = $"{format}-{fileName}";
        JsonObject model = await _world.CreateUploadAsync(name);
        await _world.ReceiveAsync(model, fileName, upload);
        return new Cell(name, format, model, files, failure);
    }

    private Task StartControllersAsync() => _world.StartControllersAsync(options => options.PreparationWorkers = 8);

    private static byte[] Damaged(byte[] archive, string fault)
    {
        switch (fault)
        {
            case "cut":
                return archive[..(archive.Length * 6 / 10)];
            case "bit flip":
                byte[] flipped = [.. archive];

                // In the header of a tar's first entry, in the checksum of gzip, and within the weights of a zip.
                int at = archive.AsSpan(257).StartsWith("ustar"u8) ? 130 : archive.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? archive.Length - 6 : archive.Length * 4 / 10;
                flipped[at] ^= 1;
                return flipped;
            case "too long":
                return [.. archive, .. "0123456789"u8];
            default:
                return archive;
        }
    }

    /// <summary>A tar ends with its empty block, whatever follows.</summary>
    private static string? Expected(string fault, string archive) => (fault, archive) switch
    {
        ("cut", _) => "cut short",
        ("bit flip", "m.tar") => NoArchive,
        ("bit flip", "m.tar.gz") => "the gzip stream is broken",
        ("bit flip", "m.zip") => "its CRC-32 is",
        ("too long", "m.tar.gz") => "the gzip stream does not end with its checksum",
        ("too long", "m.tar.zst") => "zstd",
        ("too long", "m.zip") => "its directory is missing",
        _ => null,
    };

    private sealed record Cell(string Name, string Format, JsonObject Model, (string Path, byte[] Content)[] Files, string? Failure);
}
