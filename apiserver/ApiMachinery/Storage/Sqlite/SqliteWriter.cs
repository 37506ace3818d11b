namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// The one thread that writes. Everything that waits when it comes around goes into one transaction and one fsync (group commit):
/// alone, a write has the latency of one fsync; a hundred together share it. Nothing is acknowledged before its transaction is on disk.
/// </summary>
internal sealed class SqliteWriter : IDisposable
{
    // Bounds of one transaction, so that the first of a long queue does not wait for all of it.
    private const int MaximumWrites = 512;
    private const long MaximumBytes = 8L << 20;

    private readonly SqliteDatabase _database;
    private readonly SqliteCompactor _compactor;
    private readonly SqliteStatement _begin, _commit, _current, _value, _insert, _point, _remove, _newest;
    private readonly Action<long, IReadOnlyList<HubEvent>> _committed;
    private readonly Queue<PendingWrite> _queue = new();
    private readonly Thread _thread;
    private long _compactTo;
    private long _revision;
    private bool _stopping;

    /// <param name="options">Where the database is, and how large it may become.</param>
    /// <param name="committed">Told of every commit, in order, before its writes are acknowledged: the newest revision and the events.</param>
    public SqliteWriter(SqliteStoreOptions options, Action<long, IReadOnlyList<HubEvent>> committed)
    {
        _committed = committed;
        _database = SqliteDatabase.OpenWriter(options.Path);
        if (options.MaximumBytes > 0)
        {
            _database.Execute($"PRAGMA max_page_count = {options.MaximumBytes / SqliteDatabase.PageSize}");
        }

        _database.Execute(SqliteSchema.Create);
        _begin = _database.Prepare("BEGIN IMMEDIATE");
        _commit = _database.Prepare("COMMIT");
        _current = _database.Prepare("SELECT revision FROM objects WHERE key = ?1");
        _value = _database.Prepare("SELECT value FROM versions WHERE revision = ?1");
        _insert = _database.Prepare("INSERT INTO versions (revision, key, kind, previous, value) VALUES (?1, ?2, ?3, ?4, ?5)");
        _point = _database.Prepare("INSERT INTO objects (key, revision) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET revision = excluded.revision");
        _remove = _database.Prepare("DELETE FROM objects WHERE key = ?1");
        _newest = _database.Prepare(SqliteSchema.SelectRevision);
        _compactor = new SqliteCompactor(_database);
        _revision = ReadRevision();
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite writer" };
    }

    /// <summary>Revision of the newest commit. Good before <see cref="Start"/>; afterwards the thread's own.</summary>
    public long Revision => _revision;

    public void Start() => _thread.Start();

    /// <summary>Queues a write. The task ends when it is on disk, or with why it is not.</summary>
    public Task<WriteResult> EnqueueAsync(PendingWrite write)
    {
        lock (_queue)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            _queue.Enqueue(write);
            Monitor.Pulse(_queue);
        }

        return write.Completion;
    }

    /// <summary>Asks for compaction up to a committed revision, a step at a time between writes.</summary>
    public Task CompactAsync(long revision)
    {
        lock (_queue)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);
            _compactTo = Math.Max(_compactTo, revision);
            Monitor.Pulse(_queue);
            return _compactor.WhenDoneAsync(revision);
        }
    }

    /// <summary>Finishes what is queued, and closes the database.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _stopping = true;
            Monitor.Pulse(_queue);
        }

        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _database.Dispose();
    }

    private void Run()
    {
        var batch = new List<PendingWrite>(MaximumWrites);
        while (NextBatch(batch, out long compactTo))
        {
            if (batch.Count > 0)
            {
                Commit(batch);
            }

            if (compactTo > 0)
            {
                CompactStep(compactTo);
            }
        }

        _compactor.Abandon();
    }

    // Waits for work; false when the queue is empty and will stay so.
    private bool NextBatch(List<PendingWrite> batch, out long compactTo)
    {
        batch.Clear();
        lock (_queue)
        {
            while (_queue.Count == 0 && _compactTo == 0 && !_stopping)
            {
                Monitor.Wait(_queue);
            }

            long bytes = 0;
            while (batch.Count < MaximumWrites && bytes < MaximumBytes && _queue.TryDequeue(out PendingWrite? write))
            {
                if (write.IsWanted())
                {
                    batch.Add(write);
                    bytes += write.Value.Length;
                }
            }

            compactTo = _stopping ? 0 : _compactTo;
            return batch.Count > 0 || compactTo > 0 || !_stopping || _queue.Count > 0;
        }
    }

    private void Commit(List<PendingWrite> batch)
    {
        var events = new List<HubEvent>(batch.Count);
        long revision = _revision;
        try
        {
            _begin.Run();
            foreach (PendingWrite write in batch)
            {
                Apply(write, ref revision, events);
            }

            _commit.Run();
        }
        catch (Exception reason)
        {
            Refuse(batch, reason);
            return;
        }

        _revision = revision;
        _committed(revision, events);
        foreach (PendingWrite write in batch)
        {
            write.Acknowledge();
        }
    }

    private void Refuse(List<PendingWrite> batch, Exception reason)
    {
        StoreUnavailableException refusal = reason as StoreUnavailableException ?? new StoreUnavailableException("the write failed: " + reason.Message, reason);
        try
        {
            _database.RollbackIfOpen();
            _revision = ReadRevision();
        }
        catch (StoreUnavailableException still)
        {
            // The next transaction begins with the same attempt; until it works nothing is written.
            refusal = new StoreUnavailableException(refusal.Message + "; " + still.Message, refusal);
        }

        foreach (PendingWrite write in batch)
        {
            write.Fail(refusal);
        }
    }

    private void Apply(PendingWrite write, ref long revision, List<HubEvent> events)
    {
        StoredObject? current = ReadCurrent(write);
        if (write.Decide(current, revision + 1) is not { } change)
        {
            return;
        }

        revision++;
        Insert(write, revision, current?.Revision);
        events.Add(change);
    }

    private void Insert(PendingWrite write, long revision, long? previous)
    {
        _insert.Bind(1, revision).Bind(2, write.Path).Bind(3, (long)write.Type);
        _ = previous is { } replaced ? _insert.Bind(4, replaced) : _insert.BindNull(4);
        _ = write.Type == StoreEventType.Deleted ? _insert.BindNull(5) : _insert.Bind(5, write.Value.Span);
        _insert.Run();
        if (write.Type == StoreEventType.Deleted)
        {
            _remove.Bind(1, write.Path).Run();
        }
        else
        {
            _point.Bind(1, write.Path).Bind(2, revision).Run();
        }
    }

    private StoredObject? ReadCurrent(PendingWrite write)
    {
        try
        {
            if (!_current.Bind(1, write.Path).Step())
            {
                return null;
            }

            long revision = _current.Int64(0);
            _value.Bind(1, revision).Step();
            return new StoredObject(write.Key, revision, _value.Blob(0));
        }
        finally
        {
            _current.Reset();
            _value.Reset();
        }
    }

    private long ReadRevision()
    {
        try
        {
            _newest.Step();
            return _newest.Int64(0);
        }
        finally
        {
            _newest.Reset();
        }
    }

    private void CompactStep(long target)
    {
        if (_compactor.Step(target))
        {
            lock (_queue)
            {
                _compactTo = _compactTo == target ? 0 : _compactTo;
            }
        }
    }
}
