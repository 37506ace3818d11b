using System.Collections.Concurrent;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Tests.ApiMachinery;

/// <summary>A store whose memory is as bad as the contract allows: it remembers the first state of an object for ever, also when that is gone.</summary>
internal sealed class OldMemory(IObjectStore store) : IObjectStore
{
    private readonly ConcurrentDictionary<ObjectKey, StoredObject> _first = new();

    public long WatchedRevision => store.WatchedRevision;

    public StoredObject? Remember(ObjectKey key) => _first.GetValueOrDefault(key);

    public async ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        WriteResult result = await store.CreateAsync(key, value, cancellationToken);
        if (result.Outcome == WriteOutcome.Committed)
        {
            _first.TryAdd(key, result.Object!);
        }

        return result;
    }

    public ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken) => store.GetRevisionAsync(cancellationToken);

    public ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken) => store.GetAsync(key, cancellationToken);

    public ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken) => store.ListAsync(request, cancellationToken);

    public ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        store.UpdateAsync(key, expectedRevision, value, cancellationToken);

    public ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken) =>
        store.DeleteAsync(key, expectedRevision, cancellationToken);

    public IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        store.WatchAsync(prefix, afterRevision, cancellationToken);

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken) => store.CompactAsync(revision, cancellationToken);

    public ValueTask DisposeAsync() => store.DisposeAsync();
}
