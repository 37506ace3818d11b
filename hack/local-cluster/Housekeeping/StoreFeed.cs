using AiModels.ApiMachinery.Storage;
using AiModels.Controllers.Runtime;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Follows every change of the host's store and tells the garbage collector which objects it concerns.</summary>
internal sealed class StoreFeed(IObjectStore store, OwnerGraph graph)
{
    /// <summary>Loads everything, then follows until cancelled.</summary>
    public async Task RunAsync(WorkQueue<ObjectKey> queue, CancellationToken cancellationToken)
    {
        long revision = await LoadAsync(queue, cancellationToken);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await foreach (StoreEvent change in store.WatchAsync("/", revision, cancellationToken))
                {
                    revision = change.Object.Revision;
                    Apply(queue, change.Object.Key, change.Type == StoreEventType.Deleted ? (ReadOnlyMemory<byte>?)null : change.Object.Value);
                }
            }
            catch (RevisionCompactedException)
            {
                revision = await LoadAsync(queue, cancellationToken);
            }
        }
    }

    private async Task<long> LoadAsync(WorkQueue<ObjectKey> queue, CancellationToken cancellationToken)
    {
        StoredList all = await store.ListAsync(new ListRequest { Prefix = "/" }, cancellationToken);
        foreach (StoredObject obj in all.Objects) graph.Set(obj.Key, obj.Value);
        foreach (StoredObject obj in all.Objects) queue.Add(obj.Key);
        return all.Revision;
    }

    /// <summary>Takes the new state of an object, or that it is gone (null), and queues whom that concerns.</summary>
    public void Apply(WorkQueue<ObjectKey> queue, ObjectKey key, ReadOnlyMemory<byte>? value)
    {
        OwnedObject? old = graph.Set(key, value);
        queue.Add(key);
        if (old == null) return;
        if (value == null)
            foreach (OwnedObject dependent in graph.DependentsOf(old.Uid)) queue.Add(dependent.Key);
        // An owner that waits for its dependents to go looks again.
        foreach (OwnerReference owner in old.Owners)
            if (graph.GetByUid(owner.Uid) is { IsDeleting: true } waiting) queue.Add(waiting.Key);
    }
}
