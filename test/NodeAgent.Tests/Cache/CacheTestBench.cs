using System.Diagnostics.Metrics;
using AiModels.Contracts.NodeCache;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Materialization;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>A cache of 250 bytes (two models of 100) over a folder that outlives restarts.</summary>
internal sealed class CacheTestBench : IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cache-").FullName;

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public CacheTestBench(long capacity = 250)
    {
        Capacity = capacity;
        Cache = Start();
    }

    public NodeCache Cache { get; private set; }

    public FakeSource Source { get; } = new();

    public FakeAuthorizer Authorizer { get; } = new();

    public ManualClock Clock { get; } = new();

    public FakeMounts Mounts { get; } = new();

    /// <summary>Bytes; of the next start.</summary>
    public long Capacity { get; set; }

    public string ModelsFolder => Path.Combine(_root, "models");

    public static string DigestOf(string model) => AiModels.ModelPack.Oci.Digest.Sha256Of(System.Text.Encoding.UTF8.GetBytes(model)).ToString();

    public Task<EnsureModelResponse> EnsureAsync(string model, string volume) => Cache.EnsureAsync(
        new EnsureModelRequest
        {
            VolumeId = volume,
            PodNamespace = "team-a",
            PodName = "pod-" + volume,
            PodUid = "uid-" + volume,
            ModelKind = "Model",
            ModelName = model,
            Digest = DigestOf(model),
        },
        CancellationToken.None);

    public static AuthorizedModel Model(string name) => new("Model", "team-a", name, DigestOf(name), 100);

    public CachedModel? StatusOf(string model) => Cache.Status().Models.SingleOrDefault(entry => entry.Digest == DigestOf(model));

    public Task WhenReadyAsync(string model) => Eventually.GetAsync(
        () => Task.FromResult(StatusOf(model)?.State), state => state == "Ready", $"model {model} is Ready", CancellationToken.None);

    /// <summary>The next write of a model's index fails as on a full disk; the one after it does not.</summary>
    public void FillDiskForIndexOf(string model) => FillDiskFor(Path.Combine("index", DigestOf(model)["sha256:".Length..]));

    /// <summary>The next write of a volume's lease fails as on a full disk; the one after it does not.</summary>
    public void FillDiskForLeaseOf(string volume) => FillDiskFor(Path.Combine("leases", DigestOf(volume)["sha256:".Length..]));

    /// <summary>A new cache over the same folder, as after a crash: nothing is told to the old one.</summary>
    public void Restart()
    {
        Cache = Start();
    }

    public async ValueTask DisposeAsync()
    {
        Source.Hold?.TrySetResult();
        await Cache.StopAsync();
        foreach (string model in Directory.GetDirectories(ModelsFolder))
        {
            ReadOnlyTree.Remove(model);
        }

        await _services.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    // /dev/full answers every write with ENOSPC. It stands where the file is written before it gets its name, and goes with what has failed.
    private void FillDiskFor(string file) => File.CreateSymbolicLink(Path.Combine(_root, file + ".json.new"), "/dev/full");

    private NodeCache Start()
    {
        var options = new ServeOptions { NodeName = "node-1", CacheDir = _root, Capacity = Capacity };
        var cache = new NodeCache(new CacheFolder(_root), Mounts, Authorizer, Source, options, new NodeAgentMetrics(_services.GetRequiredService<IMeterFactory>()), Clock, NullLogger<NodeCache>.Instance);
        cache.Load();
        return cache;
    }
}
