using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;

namespace AiModels.EtcdStore;

/// <summary>Reads. All are linearizable; a list longer than a page is read on at the first page's revision.</summary>
internal sealed class EtcdLists(EtcdClient client, EtcdKeys keys)
{
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
            RangeResponse? page = await PageAsync(range, request.Revision, cancellationToken);
            if (page is null)
            {
                pageSize = Math.Max(1, wanted / 8);
                continue;
            }

            revision = revision > 0 ? revision : page.Header.Revision;
            objects.EnsureCapacity(objects.Count + page.Kvs.Count);
            foreach (KeyValue found in page.Kvs)
            {
                objects.Add(new StoredObject(ObjectKey.Parse(keys.PathOf(found.Key)), found.ModRevision, found.Value.Memory));
            }

            long remaining = page.Count - page.Kvs.Count;
            if (remaining <= 0 || objects.Count == request.Limit)
            {
                return new StoredList(revision, objects, remaining);
            }

            start = keys.After(objects[^1].Key.ToString());
        }
    }

    // Null when the page was too large to be taken.
    private async Task<RangeResponse?> PageAsync(RangeRequest range, long asked, CancellationToken cancellationToken)
    {
        try
        {
            return await client.CallAsync(EtcdMethods.Range, range, EtcdClient.Repeat.Always, cancellationToken);
        }
        catch (RpcException error) when (EtcdErrors.IsTooLargeAnAnswer(error) && range.Limit > 1)
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
