using AiModels.ApiMachinery.Storage;
using LiteDB;

namespace AiModels.LiteDbStore;

/// <summary>Reads of one state; each is called under <see cref="LiteDbDatabase.Read"/> or in a transaction.</summary>
internal sealed class LiteDbReads(LiteDbDatabase database)
{
    // A page of history for a watcher that is behind the hub.
    private const int HistoryPageSize = 256;

    /// <summary>Revision of the newest change; 1 when nothing was ever written.</summary>
    public long NewestRevision() => database.Versions.Query().OrderByDescending("$._id").Limit(1).ToList() is [var newest] ? newest["_id"].AsInt64 : 1;

    public StoredObject? Get(ObjectKey key) =>
        database.Objects.FindById(key.ToString()) is { } row ? Read(key, row["revision"].AsInt64) : null;

    public StoredList List(ListRequest request, long newest)
    {
        bool isCurrent = request.Revision is 0 || request.Revision == newest;
        long revision = isCurrent ? newest : Reachable(request.Revision, newest);
        string start = request.After is { } after && string.CompareOrdinal(after, request.Prefix) > 0 ? after : request.Prefix;
        var objects = new List<StoredObject>();
        long remaining = 0;
        foreach (StoredObject stored in isCurrent ? Current(start, request.Prefix) : AsOf(revision, start, request.Prefix))
        {
            if (request.Limit == 0 || objects.Count < request.Limit)
            {
                objects.Add(stored);
                continue;
            }

            remaining++;
            if (!request.CountsRemaining)
            {
                break;
            }
        }

        return new StoredList(revision, objects, remaining);
    }

    public HistoryPage History(string prefix, long afterRevision, long newest)
    {
        long compacted = database.ReadState("compacted");
        if (afterRevision < compacted)
        {
            throw new RevisionCompactedException(afterRevision, compacted);
        }

        List<BsonDocument> rows = database.Versions.Query().Where(Query.GT("_id", afterRevision)).OrderBy("$._id").Limit(HistoryPageSize).ToList();
        StoreEvent[] events = [.. rows.Where(row => row["key"].AsString.StartsWith(prefix, StringComparison.Ordinal)).Select(Event)];
        return new HistoryPage(events, rows.Count == HistoryPageSize ? rows[^1]["_id"].AsInt64 : Math.Max(newest, afterRevision));
    }

    private StoredObject Read(ObjectKey key, long revision) => new(key, revision, database.Versions.FindById(revision)["value"].AsBinary);

    private long Reachable(long asked, long newest)
    {
        long compacted = database.ReadState("compacted");
        return asked > newest ? throw new RevisionInFutureException(asked, newest)
            : asked < compacted ? throw new RevisionCompactedException(asked, compacted)
            : asked;
    }

    // Between is what LiteDB answers from its index; a key that equals the start was in the page before.
    private IEnumerable<StoredObject> Current(string start, string prefix) =>
        from row in database.Objects.Query().Where(Query.Between("_id", start, EndOf(prefix))).OrderBy("$._id").ToEnumerable()
        let path = row["_id"].AsString
        where path != start && path.StartsWith(prefix, StringComparison.Ordinal)
        select Read(ObjectKey.Parse(path), row["revision"].AsInt64);

    // Of every key the newest version up to the revision, unless that one is a deletion. Versions of one key come one after the other.
    private IEnumerable<StoredObject> AsOf(long revision, string start, string prefix)
    {
        BsonDocument? last = null;
        foreach (BsonDocument row in database.Versions.Query().Where(Query.Between("key", start, EndOf(prefix))).OrderBy("$.key").ToEnumerable())
        {
            string path = row["key"].AsString;
            if (path == start || !path.StartsWith(prefix, StringComparison.Ordinal) || row["_id"].AsInt64 > revision)
            {
                continue;
            }

            if (last is not null && last["key"].AsString != path && IsThere(last))
            {
                yield return Stored(last);
            }

            last = last is null || last["key"].AsString != path || last["_id"].AsInt64 < row["_id"].AsInt64 ? row : last;
        }

        if (last is not null && IsThere(last))
        {
            yield return Stored(last);
        }
    }

    private StoreEvent Event(BsonDocument row)
    {
        var type = (StoreEventType)row["kind"].AsInt32;
        byte[]? previous = row["previous"].IsNull ? null : database.Versions.FindById(row["previous"])?["value"].AsBinary;
        ReadOnlyMemory<byte> value = type == StoreEventType.Deleted ? previous ?? [] : row["value"].AsBinary;
        var stored = new StoredObject(ObjectKey.Parse(row["key"].AsString), row["_id"].AsInt64, value);
        return new StoreEvent(type, stored, type == StoreEventType.Updated ? previous : default(ReadOnlyMemory<byte>?));
    }

    private static bool IsThere(BsonDocument row) => row["kind"].AsInt32 != (int)StoreEventType.Deleted;

    private static StoredObject Stored(BsonDocument row) => new(ObjectKey.Parse(row["key"].AsString), row["_id"].AsInt64, row["value"].AsBinary);

    // First key that is not under the prefix: prefixes end with a slash, and '0' follows it.
    private static string EndOf(string prefix) => prefix.Length > 0 && prefix[^1] == '/'
        ? string.Concat(prefix.AsSpan(0, prefix.Length - 1), "0")
        : throw new ArgumentException($"A key prefix ends with a slash; '{prefix}' does not.", nameof(prefix));
}
