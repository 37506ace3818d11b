using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>A database that is not there.</summary>
internal sealed class BrokenStore : IObjectStore
{
    private static StoreUnavailableException Gone => new("the database is not there");

    public long WatchedRevision => 0;

    public ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken) => throw Gone;

    public ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken) => throw Gone;

    public ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken) => throw Gone;

    public ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) => throw Gone;

    public ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) => throw Gone;

    public ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken) => throw Gone;

    public IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken) => throw Gone;

    public ValueTask CompactAsync(long revision, CancellationToken cancellationToken) => throw Gone;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
