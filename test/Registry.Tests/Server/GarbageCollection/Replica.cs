using System.Diagnostics.Metrics;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Registry.Tests.Server.GarbageCollection;

/// <summary>All that one process has beside the storage that it shares with others.</summary>
internal sealed class Replica : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly TransferBuffers _buffers = new();

    public Replica(IStorageBackend storage, RegistryOptions options, TimeProvider clock)
    {
        var condemned = new CondemnedDigests(storage, options, clock);
        var fence = new BlobFence(condemned);
        Blobs = new BlobStore(storage, new ContentReceiver(_buffers), fence, new CapacityLedger(CapacityLimits.Of(options), clock), clock);
        var tags = new TagStore(storage);
        var spares = new Spares(storage, NullLogger<Spares>.Instance);
        Manifests = new ManifestStore(storage, Blobs, tags, fence, spares);
        var cleanups = new CleanupRequests(storage, clock);
        var metrics = new RegistryMetrics(_services.GetRequiredService<IMeterFactory>());
        var marker = new Marker(storage, Manifests, tags, options, NullLogger<Marker>.Instance);
        Collector = new GarbageCollector(storage, marker, new Sweeper(storage, Manifests, fence, condemned, spares, options), cleanups, fence, condemned, metrics, clock);
    }

    public BlobStore Blobs { get; }

    public ManifestStore Manifests { get; }

    public GarbageCollector Collector { get; }

    public async Task<Digest> PushAsync(string repository, byte[] content, CancellationToken cancellationToken)
    {
        Digest digest = Digest.Sha256Of(content);
        await Blobs.PushAsync(repository, digest, new MemoryStream(content), content.Length, cancellationToken);
        return digest;
    }

    /// <summary>Pushes a manifest of these layers, which must be there. False when one of them is not any more.</summary>
    public async Task<bool> TrySealAsync(string repository, string tag, byte[] manifest, CancellationToken cancellationToken)
    {
        try
        {
            await Manifests.PutAsync(repository, Digest.Sha256Of(manifest), manifest, ManifestContent.Parse(manifest, MediaTypes.OciManifest), [tag], cancellationToken);
            return true;
        }
        catch (RegistryException failure) when (failure.Error == RegistryError.ManifestBlobUnknown)
        {
            return false;
        }
    }

    public void Dispose()
    {
        Collector.Dispose();
        _buffers.Dispose();
        _services.Dispose();
    }
}
