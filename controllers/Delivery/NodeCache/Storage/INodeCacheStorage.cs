namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>Gets storage for the nodes' caches from the cluster. One implementation for each place that it may come from.</summary>
internal interface INodeCacheStorage
{
    /// <summary>
    /// Makes what is to be made, and tells how far it is. Idempotent; expected troubles (a missing API, a refusal) are in the answer. Throws what the API's being away throws.
    /// </summary>
    Task<StorageState> EnsureAsync(CancellationToken cancellationToken);

    /// <summary>Calls back when something changed that <see cref="EnsureAsync"/> looks at.</summary>
    void Subscribe(Action changed);
}
