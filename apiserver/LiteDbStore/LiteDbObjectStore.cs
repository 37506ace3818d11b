using AiModels.ApiMachinery.Storage;

namespace AiModels.LiteDbStore;

/// <summary>
/// The embedded engine that was wished for beside SQLite: one LiteDB file, one process. Writes go through <see cref="LiteDbWriter"/> with group commit,
/// watches through <see cref="WatchHub"/> with the log of versions behind it.
/// </summary>
public sealed class LiteDbObjectStore : IObjectStore, IWatchHistory
{
    private readonly DatabaseOwnership _ownership;
    private readonly LiteDbDatabase _database;
    private readonly LiteDbReads _reads;
    private readonly LiteDbWriter _writer;
    private readonly LiteDbCompactor _compactor;
    private readonly WatchHub _hub;
    private readonly WatchHubAging _aging;
    private readonly CompactionTimer? _timer;
    private readonly SemaphoreSlim _compacting = new(1);
    private long _revision;
    private int _disposed;

    /// <summary>Opens the database, makes it when missing. Throws <see cref="StoreUnavailableException"/> when it cannot or another process has it.</summary>
    public LiteDbObjectStore(LiteDbStoreOptions options, TimeProvider time)
    {
        _ownership = DatabaseOwnership.Take(options.Path);
        try
        {
            _database = new LiteDbDatabase(options.Path);
        }
        catch
        {
            _ownership.Dispose();
            throw;
        }

        _reads = new LiteDbReads(_database);
        _revision = _database.Read(_reads.NewestRevision);
        _hub = new WatchHub(_revision, this, options.WatchEvents, options.WatchBytes);
        _aging = new WatchHubAging(_hub, time);
        _compactor = new LiteDbCompactor(_database);
        _writer = new LiteDbWriter(_database, _revision, OnCommitted);
        _timer = options.CompactionInterval > TimeSpan.Zero
            ? new CompactionTimer(this, options.HistoryAge, options.HistoryRevisions, options.CompactionInterval, time)
            : null;
    }

    public long WatchedRevision => _hub.WatchedRevision;

    public ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken) => new(Volatile.Read(ref _revision));

    public ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken) => new(_database.Read(() => _reads.Get(key)));

    public ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        new(_database.Read(() => _reads.List(request, _reads.NewestRevision())));

    public ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Created, key, 0, value, cancellationToken);

    public ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Updated, key, expectedRevision, value, cancellationToken);

    public ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Deleted, key, expectedRevision, default, cancellationToken);

    public IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        _hub.WatchAsync(prefix, afterRevision, cancellationToken);

    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken)
    {
        long target = Math.Min(revision, Volatile.Read(ref _revision));
        await _compacting.WaitAsync(cancellationToken);
        try
        {
            await Task.Run(() => _compactor.Compact(target), cancellationToken);
        }
        finally
        {
            _compacting.Release();
        }
    }

    ValueTask<HistoryPage> IWatchHistory.ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        new(_database.Read(() => _reads.History(prefix, afterRevision, _reads.NewestRevision())));

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }

        if (_timer is not null)
        {
            await _timer.DisposeAsync();
        }

        await _aging.DisposeAsync();
        _hub.Close();
        await _writer.DisposeAsync();
        _database.Dispose();
        _compacting.Dispose();
        _ownership.Dispose();
    }

    private ValueTask<WriteResult> WriteAsync(
        StoreEventType type, ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        new(_writer.EnqueueAsync(new PendingWrite(type, key, expectedRevision, value, cancellationToken)));

    private void OnCommitted(long revision, IReadOnlyList<HubEvent> events)
    {
        Volatile.Write(ref _revision, revision);
        if (events.Count > 0)
        {
            _hub.Publish(events);
        }
    }
}
