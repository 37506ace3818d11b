namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// The embedded engine: one SQLite file, one process. Writes go through one thread with group commit, reads through a pool of connections,
/// watches through <see cref="WatchHub"/> with the log of versions behind it.
/// </summary>
public sealed class SqliteObjectStore : IObjectStore, IWatchHistory
{
    private readonly DatabaseOwnership _ownership;
    private readonly SqliteReaderPool _readers;
    private readonly SqliteWriter _writer;
    private readonly ValueCache _values;
    private readonly WatchHub _hub;
    private readonly WatchHubAging _aging;
    private readonly CompactionTimer? _timer;
    private long _revision;
    private int _disposed;

    /// <summary>Opens the database, makes it when missing. Throws <see cref="StoreUnavailableException"/> when it cannot or another process has it.</summary>
    public SqliteObjectStore(SqliteStoreOptions options, TimeProvider time, ValueCache? values = null)
    {
        _values = values ?? new ValueCache();
        _ownership = DatabaseOwnership.Take(options.Path);
        try
        {
            _writer = new SqliteWriter(options, OnCommitted);
        }
        catch
        {
            _ownership.Dispose();
            throw;
        }

        _revision = _writer.Revision;
        _hub = new WatchHub(_revision, this, options.WatchEvents, options.WatchBytes);
        _aging = new WatchHubAging(_hub, time);
        _readers = new SqliteReaderPool(options.Path, options.Readers, _values);
        _writer.Start();
        _timer = options.CompactionInterval > TimeSpan.Zero
            ? new CompactionTimer(this, options.HistoryAge, options.HistoryRevisions, options.CompactionInterval, time)
            : null;
    }

    /// <summary>Version of the native library in use, for the log.</summary>
    public static string LibraryVersion => SqliteLibrary.Ensure();

    public long WatchedRevision => _hub.WatchedRevision;

    public ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken) => new(Volatile.Read(ref _revision));

    public ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken) =>
        _readers.ReadAsync(static (reader, key) => reader.Get(key), key, cancellationToken);

    public ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        _readers.ReadAsync(static (reader, request) => reader.List(request), request, cancellationToken);

    public ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Created, key, 0, value, cancellationToken);

    public ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Updated, key, expectedRevision, value, cancellationToken);

    public ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken) =>
        WriteAsync(StoreEventType.Deleted, key, expectedRevision, default, cancellationToken);

    public IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        _hub.WatchAsync(prefix, afterRevision, cancellationToken);

    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken) =>
        await _writer.CompactAsync(Math.Min(revision, Volatile.Read(ref _revision))).WaitAsync(cancellationToken);

    ValueTask<HistoryPage> IWatchHistory.ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        _readers.ReadAsync(static (reader, argument) => reader.History(argument.prefix, argument.afterRevision), (prefix, afterRevision), cancellationToken);

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
        _writer.Dispose();
        _readers.Dispose();
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
            _values.Follow(events);
            _hub.Publish(events);
        }
    }
}
