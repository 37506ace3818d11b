using System.Globalization;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace AiModels.EtcdStore;

/// <summary>
/// Compacts on time, as kube-apiserver does and under the same key, so that any number of replicas (and a kube-apiserver on the same etcd) share one
/// clock: the key's version is its hand. Whoever moves it from where everybody saw it last compacts to the revision of one interval before; the others learn
/// the new position and wait. https://github.com/kubernetes/apiserver/blob/master/pkg/storage/etcd3/compact.go
/// </summary>
internal sealed partial class EtcdCompactor : IAsyncDisposable
{
    private static readonly ByteString Clock = ByteString.CopyFromUtf8("compact_rev_key");

    private readonly EtcdClient _client;
    private readonly PeriodicTimer _ticks;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private long _seen;
    private long _revision;

    public EtcdCompactor(EtcdClient client, TimeSpan interval, TimeProvider time, ILogger log)
    {
        (_client, _log) = (client, log);
        _ticks = new PeriodicTimer(interval, time);
        _loop = Task.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _ticks.Dispose();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            do
            {
                await TryAsync();
            }
            while (await _ticks.WaitForNextTickAsync(_stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The store closes.
        }
    }

    private async Task TryAsync()
    {
        try
        {
            await RoundAsync();
        }
        catch (RpcException reason)
        {
            // History that stays a little longer harms nobody. The next tick tries again.
            Log.Failed(_log, reason.Message);
        }
    }

    private async Task RoundAsync()
    {
        var turn = new TxnRequest
        {
            Compare = { new Compare { Key = Clock, Target = Compare.Types.CompareTarget.Version, Result = Compare.Types.CompareResult.Equal, Version = _seen } },
            Success = { new RequestOp { RequestPut = new PutRequest { Key = Clock, Value = ByteString.CopyFromUtf8(_revision.ToString(CultureInfo.InvariantCulture)) } } },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = Clock } } },
        };
        TxnResponse response = await _client.CallAsync(EtcdMethods.Txn, turn, EtcdClient.Repeat.WhenNotTaken, _stop.Token);
        long target = _revision;
        _revision = response.Header.Revision;
        if (!response.Succeeded)
        {
            _seen = response.Responses[0].ResponseRange.Kvs[0].Version;
            return;
        }

        _seen++;
        if (target == 0)
        {
            return; // The first turn of this replica: nothing is known of an interval ago.
        }

        try
        {
            await _client.CallAsync(EtcdMethods.Compact, new CompactionRequest { Revision = target }, EtcdClient.Repeat.Always, _stop.Token);
            Log.Compacted(_log, target);
        }
        catch (RpcException error) when (EtcdErrors.IsCompacted(error))
        {
            // By hand, or by somebody with a shorter interval.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(11, LogLevel.Warning, "etcd's history could not be compacted: {Reason}")]
        public static partial void Failed(ILogger log, string reason);

        [LoggerMessage(12, LogLevel.Debug, "etcd's history was compacted to revision {Revision}")]
        public static partial void Compacted(ILogger log, long revision);
    }
}
