using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;

namespace AiModels.EtcdStore;

/// <summary>
/// Reads. All are linearizable: how new the newest is, is asked of etcd by every one of them (many share the question), and what is known to be as new is
/// taken from memory. A list longer than a page is read on at the first page's revision.
/// </summary>
internal sealed class EtcdLists
{
    // So many values that are not in memory are asked for one by one; for more, the page is read whole.
    private const int FewValues = 32;

    // 2,000 of 3 KB are 6 MB: few round trips, and no answer that fills the memory. Objects so large that a page of them is too much are asked for in smaller ones.
    private const int PageSize = 2000;

    private readonly EtcdClient _client;
    private readonly EtcdKeys _keys;
    private readonly KeyIndex _index;
    private readonly ValueCache _values;
    private readonly SharedRead<long> _newest;

    // Of what is in the value cache, whether or not the watch has told of it yet.
    private long _highest;

    public EtcdLists(EtcdClient client, EtcdKeys keys, KeyIndex index, ValueCache values)
    {
        (_client, _keys, _index, _values) = (client, keys, index, values);
        _newest = new SharedRead<long>(ReadRevisionAsync);
    }

    /// <summary>The newest committed revision: that of any linearizable read.</summary>
    public async ValueTask<long> RevisionAsync(CancellationToken cancellationToken) => await _newest.ReadAsync(cancellationToken);

    /// <summary>Reads all keys for the index. Answers the revision they are of.</summary>
    public async Task<long> LoadIndexAsync(CancellationToken cancellationToken)
    {
        var found = new List<IndexedKey>();
        var range = new RangeRequest { Key = _keys.All.Start, RangeEnd = _keys.All.End, KeysOnly = true, Limit = PageSize };
        while (true)
        {
            RangeResponse page = (await PageAsync(range, 0, cancellationToken))!;
            range.Revision = RevisionOf(range, page);
            found.AddRange(page.Kvs.Select(IndexedKeyOf));
            if (!page.More)
            {
                _index.Load(found, range.Revision);
                return range.Revision;
            }

            range.Key = _keys.After(found[^1].Path);
        }
    }

    /// <summary>An object that is known to exist and whose value is here, as of the revision that the index stands at.</summary>
    public StoredObject? InMemory(string path) => _index.RevisionOf(path) is { } revision ? _values.Find(path, revision) : null;

    public async ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        string path = key.ToString();
        if (InMemory(path) is not null && await _index.ReachAsync(await RevisionAsync(cancellationToken), cancellationToken) && InMemory(path) is { } known)
        {
            return known;
        }

        RangeResponse response = await RangeAsync(new RangeRequest { Key = _keys.Of(path) }, cancellationToken);
        return response.Kvs is [var found] ? Keep(found) : null;
    }

    public async ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken)
    {
        if (await IndexedAsync(request, cancellationToken) is { } indexed && await FillAsync(indexed, cancellationToken) is { } known)
        {
            return known;
        }

        ByteString end = _keys.EndOf(request.Prefix);
        bool isLater = request.After is { } after && string.CompareOrdinal(after, request.Prefix) > 0;
        ByteString start = isLater ? _keys.After(request.After!) : _keys.Of(request.Prefix);
        var objects = new List<StoredObject>();
        long revision = request.Revision;
        int pageSize = PageSize;
        while (true)
        {
            int wanted = request.Limit > 0 ? Math.Min(pageSize, request.Limit - objects.Count) : pageSize;
            var range = new RangeRequest { Key = start, RangeEnd = end, Revision = revision, Limit = wanted };
            StoredList? page = await KnownAsync(range, request.Revision, cancellationToken) ?? await WholeAsync(range, request.Revision, cancellationToken);
            if (page is null)
            {
                pageSize = Math.Max(1, wanted / 8);
                continue;
            }

            revision = page.Revision;
            objects.AddRange(page.Objects);
            if (page.Remaining <= 0 || objects.Count == request.Limit)
            {
                return new StoredList(revision, objects, page.Remaining);
            }

            start = _keys.After(objects[^1].Key.ToString());
        }
    }

    private async ValueTask<IndexedPage?> IndexedAsync(ListRequest request, CancellationToken cancellationToken)
    {
        bool isAsked = request.Revision == 0 && !_values.IsEmpty && _index.Revision > 0;
        if (isAsked && !await _index.ReachAsync(await RevisionAsync(cancellationToken), cancellationToken))
        {
            return null;
        }

        return _values.IsEmpty ? null : _index.Read(request.Prefix, request.After, request.Limit, request.Revision);
    }

    // A page of which only keys and revisions are read of etcd, because its values are in memory. Null when they are not.
    private async Task<StoredList?> KnownAsync(RangeRequest range, long asked, CancellationToken cancellationToken)
    {
        if (_values.IsEmpty)
        {
            return null;
        }

        RangeResponse page = (await PageAsync(new RangeRequest(range) { KeysOnly = true }, asked, cancellationToken))!;
        IndexedKey[] keys = [.. page.Kvs.Select(IndexedKeyOf)];
        return await FillAsync(new IndexedPage(RevisionOf(range, page), keys, page.Count - page.Kvs.Count), cancellationToken);
    }

    // The objects of these keys, or null when too many of them are not in memory.
    private async Task<StoredList?> FillAsync(IndexedPage page, CancellationToken cancellationToken)
    {
        var objects = new StoredObject[page.Keys.Count];
        List<int> missing = [];
        for (int i = 0; i < objects.Length && missing.Count <= FewValues; i++)
        {
            if (_values.Find(page.Keys[i].Path, page.Keys[i].Revision) is { } known)
            {
                objects[i] = known;
            }
            else
            {
                missing.Add(i);
            }
        }

        bool isWhole = missing.Count <= FewValues && await AddAsync(objects, page, missing, cancellationToken);
        return isWhole ? new StoredList(page.Revision, objects, page.Remaining) : null;
    }

    // What is missing, as of the page's revision; false when that is compacted by now.
    private async Task<bool> AddAsync(StoredObject[] objects, IndexedPage page, List<int> missing, CancellationToken cancellationToken)
    {
        try
        {
            RangeResponse[] found = await Task.WhenAll(missing.Select(i => _client.CallAsync(
                EtcdMethods.Range, new RangeRequest { Key = _keys.Of(page.Keys[i].Path), Revision = page.Revision }, EtcdClient.Repeat.Always, cancellationToken)));
            for (int i = 0; i < found.Length; i++)
            {
                objects[missing[i]] = Keep(found[i].Kvs[0]);
            }

            return true;
        }
        catch (RpcException error) when (EtcdErrors.IsCompacted(error))
        {
            return false;
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }

    // Null when the page was too large to be taken.
    private async Task<StoredList?> WholeAsync(RangeRequest range, long asked, CancellationToken cancellationToken) =>
        await PageAsync(range, asked, cancellationToken) is { } page
            ? new StoredList(RevisionOf(range, page), [.. page.Kvs.Select(Keep)], page.Count - page.Kvs.Count)
            : null;

    private static long RevisionOf(RangeRequest range, RangeResponse page) => range.Revision > 0 ? range.Revision : page.Header.Revision;

    private IndexedKey IndexedKeyOf(KeyValue found) => new(_keys.PathOf(found.Key), found.ModRevision);

    private async Task<long> ReadRevisionAsync()
    {
        long known = Math.Max(_index.Revision, Volatile.Read(ref _highest));
        long newest = (await RangeAsync(new RangeRequest { Key = _keys.All.Start, CountOnly = true }, CancellationToken.None)).Header.Revision;
        if (newest < known)
        {
            // etcd was restored from an older copy: what was known is of a world that is gone. The feed, whose stream broke with that, loads it anew.
            _index.Clear();
            _values.Clear();
            Volatile.Write(ref _highest, newest);
        }

        return newest;
    }

    private StoredObject Keep(KeyValue found)
    {
        string path = _keys.PathOf(found.Key);
        var stored = new StoredObject(ObjectKey.Parse(path), found.ModRevision, found.Value.Memory);
        _values.Keep(path, stored);
        _highest = Math.Max(_highest, stored.Revision); // one lost to another thread's is no loss: a later read sets it
        return stored;
    }

    // Null when the page was too large to be taken.
    private async Task<RangeResponse?> PageAsync(RangeRequest range, long asked, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.CallAsync(EtcdMethods.Range, range, EtcdClient.Repeat.Always, cancellationToken);
        }
        catch (RpcException error) when (EtcdErrors.IsTooLargeAnAnswer(error) && range.Limit > 1 && !range.KeysOnly)
        {
            return null;
        }
        catch (RpcException error) when (EtcdErrors.IsCompacted(error))
        {
            // etcd does not tell how far: at least beyond what was asked for.
            throw new RevisionCompactedException(range.Revision, range.Revision + 1);
        }
        catch (RpcException error) when (EtcdErrors.IsFuture(error))
        {
            throw new RevisionInFutureException(asked, await RevisionAsync(cancellationToken));
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }

    private async Task<RangeResponse> RangeAsync(RangeRequest range, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.CallAsync(EtcdMethods.Range, range, EtcdClient.Repeat.Always, cancellationToken);
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }
}
