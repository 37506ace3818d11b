using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;
using AiModels.TestKit.FakeOllama;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Controllers.Tests.Preparation.Matrix;

/// <summary>
/// Source x format x (public, private, wrong token) x fault, one row a fault and all its cells at the same time: each model ends Ready with the one right digest, or
/// Failed with the right reason, and nothing is left behind.
/// </summary>
[TestClass]
public sealed class PreparationMatrixTests
{
    private const int HeaderRange = 512 * 1024;
    private const int ChunkSize = 16 * 1024 * 1024;
    private const int Connections = 128;
    private const string Token = "hf_right";

    /// <summary>Equal files must give the equal artifact in every row: format to digest.</summary>
    private static readonly ConcurrentDictionary<string, string> Digests = [];

    private readonly List<Cell> _cells = [];
    private FakeHub _hub = null!;
    private FakeOllamaRegistry _ollama = null!;
    private PreparationWorld _world = null!;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        _hub = await FakeHub.StartAsync();
        _ollama = await FakeOllamaRegistry.StartAsync();
        _ollama.Refuse = path => path.Contains("private", StringComparison.Ordinal)
            ? new OllamaRefusal(401, """Bearer realm="https://auth.example/token",service="ollama.com" """.Trim()) : null;
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await _world.CreateTokenAsync("right", Token);
        await _world.CreateTokenAsync("wrong", "hf_wrong");
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _world.DisposeAsync();
        await _hub.DisposeAsync();
        await _ollama.DisposeAsync();
    }

    [TestMethod]
    [DataRow("none", null)]
    [DataRow("cut twice", null)]
    [DataRow("stall once", null)]
    [DataRow("bit flip once", null)]
    [DataRow("bit flip always", "arrived with digest")]
    [DataRow("too long once", null)]
    [DataRow("too long always", "sends more bytes than it was asked for")]
    [DataRow("short ranges", null)]
    [DataRow("another length", "are promised")]
    [DataRow("429 of the store", null)]
    [DataRow("429 of the hub", null)]
    [DataRow("503 once", null)]
    [DataRow("expired URLs", null)]
    [DataRow("no ranges", null)]
    [DataRow("moved branch", null)]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_Fault_EndsReadyOrFailedAndLeavesNothing(string fault, string? failure)
    {
        Inflict(fault);
        await CreateCellsAsync(MatrixModels.Formats, []);
        await StartControllersAsync(fault == "stall once" ? PreparationWorld.QuickPatience with { Stall = TimeSpan.FromSeconds(1) } : null);
        await AssertEndAsync(failure);
    }

    [TestMethod]
    [DataRow(0.25)]
    [DataRow(0.5)]
    [DataRow(0.9)]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_WorkerEnds_GoesOnWhereItsNotesEnd(double fraction)
    {
        var models = new Dictionary<string, (string, byte[])[]>(MatrixModels.Formats) { [MatrixModels.Gguf] = [("model.gguf", MatrixModels.LargeGguf)] };
        await CreateCellsAsync(models, ["gguf-private", "diffusers-private"]);
        _hub.Cdn.Fault = request => IsHeld(request, fraction) ? CdnFault.Stall : null;
        _ollama.Cdn.Fault = _hub.Cdn.Fault;
        await StartControllersAsync();
        foreach (Cell cell in _cells.Where(cell => !cell.IsRefused))
        {
            await Eventually.GetAsync(() => NotedAsync(cell), noted => noted >= Expected(cell, fraction), $"{cell.Name} is noted as far as it came", TestContext.CancellationToken);
        }

        await _world.StopControllersAsync();
        var notes = new Dictionary<string, IReadOnlyDictionary<string, long>>();
        foreach (Cell cell in _cells)
        {
            notes[cell.Repository] = (await _world.NotesAsync(cell.ModelRepository)).ToDictionary(file => file.Path, file => file.Length);
        }

        (_hub.Cdn.Fault, _ollama.Cdn.Fault) = (null, null);
        _hub.Cdn.Requests.Clear();
        _ollama.Cdn.Requests.Clear();
        await StartControllersAsync();
        await AssertEndAsync(failure: null);
        CdnRequest[] again = [.. _hub.Cdn.Requests.Where(request => IsPayload(request) && request.Start < notes[request.Repository].GetValueOrDefault(request.File)),
            .. _ollama.Cdn.Requests.Where(request => IsPayload(request) && request.Start < notes["ollama"].GetValueOrDefault("model.gguf"))];
        Assert.IsEmpty(again, string.Join('\n', again.AsEnumerable()));
    }

    private void Inflict(string fault)
    {
        _hub.RateLimited = fault == "429 of the hub" ? 3 : 0;
        var seen = new ConcurrentDictionary<string, int>();
        foreach (FakeCdn cdn in new[] { _hub.Cdn, _ollama.Cdn })
        {
            cdn.HasRanges = fault != "no ranges";
            cdn.UsesOfUrl = fault == "expired URLs" ? 1 : int.MaxValue;
            cdn.Fault = request =>
            {
                if (!IsPayload(request))
                {
                    return null;
                }

                int count = seen.AddOrUpdate($"{request.Repository} {request.File}", 1, (_, known) => known + 1);
                if (fault == "moved branch" && count == 1)
                {
                    _hub.Find(request.Repository)?.Commit("main", ("README.md", FakeContent.Of("other"u8.ToArray())));
                }

                return (fault, count) switch
                {
                    ("cut twice", <= 2) => CdnFault.Cut,
                    ("stall once", 1) => CdnFault.Stall,
                    ("bit flip once", 1) or ("bit flip always", _) => CdnFault.FlippedBit,
                    ("too long once", 1) or ("too long always", _) => CdnFault.TooLong,
                    ("short ranges", _) => CdnFault.TooShort,
                    ("another length", _) => CdnFault.OtherLength,
                    ("429 of the store", 1) => CdnFault.TooManyRequests,
                    ("503 once", 1) => CdnFault.Unavailable,
                    _ => null,
                };
            };
        }
    }

    private async Task CreateCellsAsync(IReadOnlyDictionary<string, (string Path, byte[] Content)[]> formats, string[] without)
    {
        foreach ((string format, (string Path, byte[] Content)[] files) in formats)
        {
            foreach (string access in new[] { "public", "private", "wrong" }.Where(access => !without.Contains($"{format}-{access}")))
            {
                string repository = $"owner/{format}-{access}";
                FakeRepository made = _hub.Add(repository, [.. files.Select(file => (file.Path, FakeContent.Of(file.Content)))]);
                made.Token = access == "public" ? null : Token;
                var source = new JsonObject { ["url"] = $"https://huggingface.co/{repository}" };
                if (access != "public")
                {
                    source["authSecretRef"] = new JsonObject { ["name"] = access == "wrong" ? "wrong" : "right" };
                }

                await CreateCellAsync($"{format}-{access}", format, repository, source, files, access == "wrong" ? "private or gated" : null);
            }
        }

        (string, byte[] Content)[] gguf = formats[MatrixModels.Gguf];
        _ollama.Publish("public:latest", gguf[0].Content);
        _ollama.Publish("private:latest", gguf[0].Content);
        await CreateCellAsync("ollama-public", MatrixModels.Gguf, "ollama", new JsonObject { ["url"] = "https://ollama.com/library/public" }, gguf, null);
        await CreateCellAsync("ollama-private", MatrixModels.Gguf, "ollama-private", new JsonObject { ["url"] = "https://ollama.com/library/private" }, gguf, "wants credentials");
    }

    private async Task CreateCellAsync(string name, string format, string repository, JsonObject source, (string Path, byte[] Content)[] files, string? refusal) =>
        _cells.Add(new Cell(name, format, repository, await _world.CreateAsync(name, source), files, refusal));

    private Task StartControllersAsync(HubPatience? patience = null) => _world.StartControllersAsync(
        options =>
        {
            options.HuggingfaceEndpoint = _hub.Endpoint;
            options.OllamaEndpoint = _ollama.Endpoint;
            options.PreparationWorkers = 16;
            options.SourceConnections = Connections;
        },
        patience);

    private async Task AssertEndAsync(string? failure)
    {
        foreach (Cell cell in _cells)
        {
            string? expected = cell.Refusal ?? failure;
            ModelStatus status = await _world.WaitForPhaseAsync(cell.Name, expected is null ? Phases.Ready : Phases.Failed, TestContext.CancellationToken);
            if (expected is not null)
            {
                Condition ready = status.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
                Assert.AreEqual(Reasons.PublicationFailed, ready.Reason, cell.Name);
                StringAssert.Contains(ready.Message, expected, cell.Name);
                continue;
            }

            string size = cell.Files.Sum(file => (long)file.Content.Length).ToString(System.Globalization.CultureInfo.InvariantCulture);
            Assert.AreEqual(Digests.GetOrAdd($"{cell.Format} {size}", status.Artifact!.Digest), status.Artifact.Digest, cell.Name);
            Dictionary<string, byte[]> stored = await _world.ReadModelAsync(cell.Model, status.Artifact.Digest);
            CollectionAssert.AreEquivalent(cell.Files.Select(file => file.Path).ToArray(), stored.Keys.ToArray(), cell.Name);
            Assert.IsTrue(cell.Files.All(file => stored[file.Path].AsSpan().SequenceEqual(file.Content)), cell.Name);
        }

        await AssertNothingIsLeftAsync();
    }

    private async Task AssertNothingIsLeftAsync()
    {
        Assert.IsFalse(_hub.Cdn.HasTokenLeaked || _ollama.Cdn.HasTokenLeaked || _ollama.HasSeenCredentials || _hub.HasIdentityBeenForgotten);
        Assert.IsEmpty(_world.Logs.Lines.Where(line => line.Contains(Token, StringComparison.Ordinal) || line.Contains("hf_wrong", StringComparison.Ordinal)).ToArray());
        TransferBudget budget = _world.Services.GetRequiredService<TransferBudget>();
        await Eventually.GetAsync(
            async () =>
            {
                int notes = 0;
                foreach (Cell cell in _cells)
                {
                    notes += (await _world.NotesAsync(cell.ModelRepository)).Count;
                }

                return (notes, _world.Reservations, _world.OpenUploads, _hub.Cdn.Active + _ollama.Cdn.Active, Connections - budget.FreeConnections, budget.IsRoomFree);
            },
            left => left == (0, 0, 0, 0, 0, true), "no notes, room, uploads, requests, connections and buffers are left", TestContext.CancellationToken);
        Assert.HasCount(2, _world.Kubernetes.All(ResourceTypes.Secrets), "the two Secrets of the user");
    }

    /// <summary>Headers are read by small ranges, and the config of Ollama's without one.</summary>
    private static bool IsPayload(CdnRequest request) => request.End is { } end && end - request.Start > HeaderRange;

    /// <summary>Whether a part lies behind what is let through: files by their order, a single file by its offset.</summary>
    private bool IsHeld(CdnRequest request, double fraction)
    {
        if (!IsPayload(request))
        {
            return false;
        }

        string[] weights = Weights(_cells.First(cell => cell.Repository == request.Repository || (request.Repository.Length == 0 && cell.Repository == "ollama")));
        return weights.Length == 1
            ? request.Start >= fraction * MatrixModels.LargeGguf.Length
            : Array.IndexOf(weights, request.File) >= (int)(fraction * weights.Length);
    }

    private static long Expected(Cell cell, double fraction)
    {
        string[] weights = Weights(cell);
        return weights.Length == 1
            ? (long)(fraction * MatrixModels.LargeGguf.Length) / ChunkSize * ChunkSize
            : cell.Files.Where(file => weights.Take((int)(fraction * weights.Length)).Contains(file.Path)).Sum(file => (long)file.Content.Length);
    }

    private static string[] Weights(Cell cell) => [.. cell.Files.Where(file => file.Content.Length > HeaderRange).Select(file => file.Path).Order(StringComparer.Ordinal)];

    private async Task<long> NotedAsync(Cell cell)
    {
        string[] weights = Weights(cell);
        return (await _world.NotesAsync(cell.ModelRepository)).Where(file => weights.Contains(file.Path)).Sum(file => file.Length);
    }

    /// <param name="Repository">At the source.</param>
    /// <param name="Refusal">Words of the failure that this access must end in; null when it is allowed.</param>
    private sealed record Cell(string Name, string Format, string Repository, JsonObject Model, (string Path, byte[] Content)[] Files, string? Refusal)
    {
        public bool IsRefused => Refusal is not null;

        public string ModelRepository => $"models/{Model["metadata"]!["uid"]}";
    }
}
