using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;

namespace AiModels.EtcdStore;

/// <summary>Reads. All are linearizable; a list longer than a page is read on at the first page's revision.</summary>
internal sealed class EtcdLists(EtcdClient client, EtcdKeys keys, ValueCache values)
{
    // So many values that are not in memory are asked for one by one; for more, the page is read whole.
    private const int FewValues = 32;

    // 2,000 of 3 KB are 6 MB: few round trips, and no answer that fills the memory. Objects so large that a page of them is too much are asked for in smaller ones.
    private const int PageSize = 2000;

    /// <summary>The newest committed revision: that of any linearizable read.</summary>
    public async ValueTask<long> RevisionAsync(CancellationToken cancellationToken) =>
        (await RangeAsync(new RangeRequest { Key = keys.All.Start, CountOnly = true }, cancellationToken)).Header.Revision;

    public async ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        RangeResponse response = await RangeAsync(new RangeRequest { Key = keys.Of(key.ToString()) }, cancellationToken);
        return response.Kvs is [var found] ? new StoredObject(key, found.ModRevision, found.Value.Memory) : null;
    }

    public async ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken)
    {
        ByteString end = keys.EndOf(request.Prefix);
        bool isLater = request.After is { } after && string.CompareOrdinal(after, request.Prefix) > 0;
        ByteString start = isLater ? keys.After(request.After!) : keys.Of(request.Prefix);
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

            start = keys.After(objects[^1].Key.ToString());
        }
    }

    // A page of which only keys and revisions are read, because its values are in memory. Null when they are not.
    private async Task<StoredList?> KnownAsync(RangeRequest range, long asked, CancellationToken cancellationToken)
    {
        if (values.IsEmpty)
        {
            return null;
        }

        RangeResponse page = (await PageAsync(new RangeRequest(range) { KeysOnly = true }, asked, cancellationToken))!;
        var objects = new StoredObject[page.Kvs.Count];
        List<int> missing = [];
        for (int i = 0; i < objects.Length && missing.Count <= FewValues; i++)
        {
            if (values.Find(keys.PathOf(page.Kvs[i].Key), page.Kvs[i].ModRevision) is { } known)
            {
                objects[i] = known;
            }
            else
            {
                missing.Add(i);
            }
        }

        long revision = range.Revision > 0 ? range.Revision : page.Header.Revision;
        bool isWhole = missing.Count <= FewValues && await AddAsync(objects, page, missing, revision, cancellationToken);
        return isWhole ? new StoredList(revision, objects, page.Count - page.Kvs.Count) : null;
    }

    // What is missing, as of the page's revision; false when that is compacted by now.
    private async Task<bool> AddAsync(StoredObject[] objects, RangeResponse page, List<int> missing, long revision, CancellationToken cancellationToken)
    {
        try
        {
            RangeResponse[] found = await Task.WhenAll(missing.Select(i =>
                client.CallAsync(EtcdMethods.Range, new RangeRequest { Key = page.Kvs[i].Key, Revision = revision }, EtcdClient.Repeat.Always, cancellationToken)));
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
            ? new StoredList(range.Revision > 0 ? range.Revision : page.Header.Revision, [.. page.Kvs.Select(Keep)], page.Count - page.Kvs.Count)
            : null;

    private StoredObject Keep(KeyValue found)
    {
        string path = keys.PathOf(found.Key);
        var stored = new StoredObject(ObjectKey.Parse(path), found.ModRevision, found.Value.Memory);
        values.Keep(path, stored);
        return stored;
    }

    // Null when the page was too large to be taken.
    private async Task<RangeResponse?> PageAsync(RangeRequest range, long asked, CancellationToken cancellationToken)
    {
        try
        {
            return await client.CallAsync(EtcdMethods.Range, range, EtcdClient.Repeat.Always, cancellationToken);
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
            return await client.CallAsync(EtcdMethods.Range, range, EtcdClient.Repeat.Always, cancellationToken);
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }
}
