using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>A StorageClass that an administrator named.</summary>
internal sealed class ExistingClassStorage(IKubernetesClient client, Informers informers, NodeCacheStorageOptions options) : INodeCacheStorage
{
    public async Task<StorageState> EnsureAsync(CancellationToken cancellationToken) =>
        await client.GetAsync(ResourceTypes.StorageClasses, null, options.ClassName!, cancellationToken) is not null
            ? new StorageState(options.ClassName, null, null)
            : StorageState.Missing($"there is no StorageClass '{options.ClassName}' (--node-cache-storage-class)");

    public void Subscribe(Action changed) => informers.Get(ResourceTypes.StorageClasses, document => document).Subscribe(_ => changed());
}
