namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>One read connection with its prepared statements. Each method reads one snapshot.</summary>
internal sealed class SqliteReader : IDisposable
{
    // A page of history for a watcher that is behind the hub.
    private const int HistoryPageSize = 256;

    private readonly SqliteDatabase _database;
    private readonly ValueCache _values;
    private readonly SqliteStatement _begin, _end, _revision, _compacted, _get, _value, _list, _listAt, _count, _countAt, _history;

    public SqliteReader(string path, ValueCache values)
    {
        _values = values;
        _database = SqliteDatabase.OpenReader(path);
        _begin = _database.Prepare("BEGIN");
        _end = _database.Prepare("COMMIT");
        _revision = _database.Prepare(SqliteSchema.SelectRevision);
        _compacted = _database.Prepare(SqliteSchema.SelectCompacted);
        _get = _database.Prepare(
            "SELECT o.revision, v.value FROM objects o JOIN versions v ON v.revision = o.revision WHERE o.key = ?1");

        // Lists find keys and revisions; a value is read only when it is not in memory.
        _value = _database.Prepare("SELECT value FROM versions WHERE revision = ?1");
        _list = _database.Prepare("SELECT key, revision FROM objects WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?3");
        _count = _database.Prepare("SELECT count(*) FROM objects WHERE key > ?1 AND key < ?2");

        // As of an older revision: of every key the newest version up to it, unless that one is a deletion (kind 2).
        _listAt = _database.Prepare("""
            SELECT l.key, l.revision
            FROM (SELECT key, max(revision) AS revision FROM versions WHERE key > ?1 AND key < ?2 AND revision <= ?4 GROUP BY key) l
            JOIN versions v ON v.revision = l.revision
            WHERE v.kind <> 2 ORDER BY l.key LIMIT ?3
            """);
        _countAt = _database.Prepare("""
            SELECT count(*)
            FROM (SELECT max(revision) AS revision FROM versions WHERE key > ?1 AND key < ?2 AND revision <= ?3 GROUP BY key) l
            JOIN versions v ON v.revision = l.revision
            WHERE v.kind <> 2
            """);

        // The plus keeps SQLite on the log's own order, which LIMIT then cuts short.
        _history = _database.Prepare("""
            SELECT v.revision, v.key, v.kind, v.value, p.value
            FROM versions v LEFT JOIN versions p ON p.revision = v.previous
            WHERE v.revision > ?1 AND +v.key > ?2 AND +v.key < ?3 ORDER BY v.revision LIMIT ?4
            """);
    }

    public StoredObject? Get(ObjectKey key)
    {
        try
        {
            return _get.Bind(1, key.ToString()).Step() ? new StoredObject(key, _get.Int64(0), _get.Blob(1)) : null;
        }
        finally
        {
            _get.Reset();
        }
    }

    public StoredList List(ListRequest request) => Snapshot(() =>
    {
        long revision = Scalar(_revision);
        bool current = request.Revision is 0 || request.Revision == revision;
        if (!current)
        {
            CheckReachable(request.Revision, revision);
            revision = request.Revision;
        }

        string start = request.After is { } after && string.CompareOrdinal(after, request.Prefix) > 0 ? after : request.Prefix;
        string end = SqliteSchema.EndOf(request.Prefix);
        List<StoredObject> objects = ReadObjects(current ? _list : _listAt, start, end, revision, request.Limit, out bool hasMore);
        long remaining = !hasMore ? 0 : request.CountsRemaining ? CountAfter(current ? _count : _countAt, objects[^1].Key.ToString(), end, revision) : 1;
        return new StoredList(revision, objects, remaining);
    });

    public HistoryPage History(string prefix, long afterRevision) => Snapshot(() =>
    {
        long newest = Scalar(_revision), compacted = Scalar(_compacted);
        if (afterRevision < compacted)
        {
            throw new RevisionCompactedException(afterRevision, compacted);
        }

        var events = new List<StoreEvent>();
        try
        {
            _history.Bind(1, afterRevision).Bind(2, prefix).Bind(3, SqliteSchema.EndOf(prefix)).Bind(4, HistoryPageSize);
            while (_history.Step())
            {
                events.Add(ReadEvent());
            }
        }
        finally
        {
            _history.Reset();
        }

        return new HistoryPage(events, events.Count == HistoryPageSize ? events[^1].Object.Revision : Math.Max(newest, afterRevision));
    });

    public void Dispose() => _database.Dispose();

    private T Snapshot<T>(Func<T> read)
    {
        _begin.Run();
        try
        {
            return read();
        }
        finally
        {
            _end.Run();
        }
    }

    private static long Scalar(SqliteStatement statement)
    {
        try
        {
            statement.Step();
            return statement.Int64(0);
        }
        finally
        {
            statement.Reset();
        }
    }

    private void CheckReachable(long asked, long newest)
    {
        if (asked > newest)
        {
            throw new RevisionInFutureException(asked, newest);
        }

        long compacted = Scalar(_compacted);
        if (asked < compacted)
        {
            throw new RevisionCompactedException(asked, compacted);
        }
    }

    private List<StoredObject> ReadObjects(SqliteStatement statement, string start, string end, long revision, int limit, out bool hasMore)
    {
        hasMore = false;
        var objects = new List<StoredObject>(Math.Min(limit, 1024)); // a client may ask for two billion
        try
        {
            statement.Bind(1, start).Bind(2, end).Bind(3, limit > 0 ? limit + 1L : -1); // one more, to see whether there is one
            if (statement == _listAt)
            {
                statement.Bind(4, revision);
            }

            while (statement.Step())
            {
                if (limit > 0 && objects.Count == limit)
                {
                    hasMore = true;
                    break;
                }

                objects.Add(Object(statement.Text(0), statement.Int64(1)));
            }
        }
        finally
        {
            statement.Reset();
        }

        return objects;
    }

    private StoredObject Object(string path, long revision)
    {
        if (_values.Find(path, revision) is { } known)
        {
            return known;
        }

        try
        {
            _value.Bind(1, revision).Step();
            var stored = new StoredObject(ObjectKey.Parse(path), revision, _value.Blob(0));
            _values.Keep(path, stored);
            return stored;
        }
        finally
        {
            _value.Reset();
        }
    }

    private long CountAfter(SqliteStatement statement, string start, string end, long revision)
    {
        statement.Bind(1, start).Bind(2, end);
        if (statement == _countAt)
        {
            statement.Bind(3, revision);
        }

        return Scalar(statement);
    }

    private StoreEvent ReadEvent()
    {
        var type = (StoreEventType)_history.Int64(2);
        byte[]? previous = _history.IsNull(4) ? null : _history.Blob(4);
        ReadOnlyMemory<byte> value = type == StoreEventType.Deleted ? previous ?? [] : _history.Blob(3);
        var stored = new StoredObject(ObjectKey.Parse(_history.Text(1)), _history.Int64(0), value);
        return new StoreEvent(type, stored, type == StoreEventType.Updated ? previous : default(ReadOnlyMemory<byte>?));
    }
}
