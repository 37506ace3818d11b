using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace AiModels.EtcdStore;

/// <summary>
/// The engine for several replicas: etcd v3. Its revisions are the store's; every read is linearizable (<see cref="EtcdLists"/>), so that no replica shows an
/// older state than any other has shown; one watch per replica feeds all watchers (<see cref="EtcdFeed"/>). Opening it waits for nothing: while etcd cannot be reached, what
/// needs it fails with <see cref="StoreUnavailableException"/>, and the rest of the server works.
/// </summary>
public sealed class EtcdObjectStore : IObjectStore
{
    private readonly EtcdKeys _keys;
    private readonly EtcdClient _client;
    private readonly EtcdLists _lists;
    private readonly EtcdFeed _feed;
    private readonly EtcdCompactor? _compactor;

    /// <summary>Throws for certificates that cannot be read.</summary>
    public EtcdObjectStore(EtcdStoreOptions options, TimeProvider time, ILogger<EtcdObjectStore> log, ValueCache? values = null)
    {
        values ??= new ValueCache();
        _keys = new EtcdKeys(options.Prefix);
        _client = new EtcdClient(options, time);
        var index = new KeyIndex(time);
        _lists = new EtcdLists(_client, _keys, index, values);
        _feed = new EtcdFeed(_client, _keys, _lists, index, values, options, time, log);
        _compactor = options.CompactionInterval > TimeSpan.Zero ? new EtcdCompactor(_client, options.CompactionInterval, time, log) : null;
    }

    public long WatchedRevision => _feed.WatchedRevision;

    public ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken) => _lists.RevisionAsync(cancellationToken);

    public ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken) => _lists.GetAsync(key, cancellationToken);

    public StoredObject? Remember(ObjectKey key) => _lists.InMemory(key.ToString());

    public ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken) => _lists.ListAsync(request, cancellationToken);

    public ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        ByteString etcdKey = _keys.Of(key.ToString());

        // Not sent again when it may have been taken: delayed on its way, the first could bring an object back that was deleted since.
        return WriteAsync(key, etcdKey, 0, Put(etcdKey, value), value, WriteOutcome.Exists, EtcdClient.Repeat.WhenNotTaken, cancellationToken);
    }

    public ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        ByteString etcdKey = _keys.Of(key.ToString());
        return WriteAsync(key, etcdKey, expectedRevision, Put(etcdKey, value), value, WriteOutcome.Conflict, EtcdClient.Repeat.Always, cancellationToken);
    }

    public ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken)
    {
        ByteString etcdKey = _keys.Of(key.ToString());
        var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = etcdKey, PrevKv = true } };
        return WriteAsync(key, etcdKey, expectedRevision, delete, null, WriteOutcome.Conflict, EtcdClient.Repeat.Always, cancellationToken);
    }

    public async IAsyncEnumerable<StoreEvent> WatchAsync(
        string prefix, long afterRevision, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        WatchHub hub = await _feed.Hub.WaitAsync(cancellationToken);
        await foreach (StoreEvent change in hub.WatchAsync(prefix, afterRevision, cancellationToken))
        {
            yield return change;
        }
    }

    public async ValueTask CompactAsync(long revision, CancellationToken cancellationToken)
    {
        long target = Math.Min(revision, await GetRevisionAsync(cancellationToken));
        try
        {
            await _client.CallAsync(EtcdMethods.Compact, new CompactionRequest { Revision = target, Physical = true }, EtcdClient.Repeat.Always, cancellationToken);
        }
        catch (RpcException error) when (EtcdErrors.IsCompacted(error))
        {
            // Somebody compacted further already.
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_compactor is not null)
        {
            await _compactor.DisposeAsync();
        }

        await _feed.DisposeAsync();
        _client.Dispose();
    }

    private static RequestOp Put(ByteString key, ReadOnlyMemory<byte> value) =>
        new() { RequestPut = new PutRequest { Key = key, Value = UnsafeByteOperations.UnsafeWrap(value) } };

    /// <summary>One transaction: the change if the key is still at the expected revision (0: absent), else a look at what is there.</summary>
    private async ValueTask<WriteResult> WriteAsync(
        ObjectKey key, ByteString etcdKey, long expected, RequestOp change, ReadOnlyMemory<byte>? value, WriteOutcome refused, EtcdClient.Repeat repeat,
        CancellationToken cancellationToken)
    {
        var request = new TxnRequest
        {
            Compare = { new Compare { Key = etcdKey, Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = expected } },
            Success = { change },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = etcdKey } } },
        };
        EtcdAnswer<TxnResponse> answer = await CallAsync(request, repeat, cancellationToken);
        if (answer.Response.Succeeded)
        {
            ReadOnlyMemory<byte> stored = value ?? answer.Response.Responses[0].ResponseDeleteRange.PrevKvs[0].Value.Memory;
            return new WriteResult(WriteOutcome.Committed, new StoredObject(key, answer.Response.Header.Revision, stored));
        }

        if (answer.MayHaveBeenTakenBefore)
        {
            // The key has changed, by whom cannot be told: perhaps by our own first attempt.
            throw Unknown(null);
        }

        KeyValue? current = answer.Response.Responses[0].ResponseRange.Kvs.FirstOrDefault();
        return current is null
            ? new WriteResult(WriteOutcome.NotFound, null)
            : new WriteResult(refused, new StoredObject(key, current.ModRevision, current.Value.Memory));
    }

    private async Task<EtcdAnswer<TxnResponse>> CallAsync(TxnRequest request, EtcdClient.Repeat repeat, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.AskAsync(EtcdMethods.Txn, request, repeat, cancellationToken);
        }
        catch (RpcException error) when (EtcdErrors.IsPassing(error) && !EtcdErrors.WasNotTaken(error))
        {
            throw Unknown(error);
        }
        catch (RpcException error)
        {
            throw EtcdErrors.ToStoreError(error);
        }
    }

    private static OutcomeUnknownException Unknown(Exception? cause) => new(
        "etcd did not say what became of the write: it may have been done" + (cause is null ? "" : $" ({cause.Message})"), cause);
}
