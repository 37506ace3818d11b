using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Microsoft.Extensions.Logging;

namespace AiModels.EtcdStore;

/// <summary>
/// Keeps the hub fed from one watch of everything, however many watchers there are. A stream that breaks is opened again, at another member if need be,
/// after the last event that came: etcd gives each change once and in order, so the hub gets no gap and no repetition.
/// </summary>
internal sealed partial class EtcdFeed : IWatchHistory, IAsyncDisposable
{
    // Between two attempts to open the stream.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    // Asked for often enough that bookmarks, which are sent every minute, stay young when others fill the same etcd.
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(5);

    private readonly EtcdClient _client;
    private readonly EtcdKeys _keys;
    private readonly EtcdLists _lists;
    private readonly KeyIndex _index;
    private readonly ValueCache _values;
    private readonly EtcdStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<WatchHub> _hub = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _loop;
    private WatchHubAging? _aging;
    private long _startedAfter;

    public EtcdFeed(
        EtcdClient client, EtcdKeys keys, EtcdLists lists, KeyIndex index, ValueCache values, EtcdStoreOptions options, TimeProvider time, ILogger log)
    {
        (_client, _keys, _lists, _index, _values, _options, _time, _log) = (client, keys, lists, index, values, options, time, log);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>The hub, as soon as etcd has told where it stands.</summary>
    public Task<WatchHub> Hub => _hub.Task;

    public long WatchedRevision => _hub.Task.IsCompletedSuccessfully ? _hub.Task.Result.WatchedRevision : 0;

    /// <summary>
    /// Older events for one watcher, over a watch of its own. It watches everything as well, so that it can tell by an event how far it has come: until
    /// something happens at all, there is nothing to be told.
    /// </summary>
    public async ValueTask<HistoryPage> ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        await using EtcdWatch watch = await _client.WatchAsync(Create(afterRevision), cancellationToken);
        await foreach (WatchResponse response in watch.ReadAllAsync(cancellationToken))
        {
            if (response.CompactRevision > 0)
            {
                throw new RevisionCompactedException(afterRevision, response.CompactRevision);
            }

            HistoryPage? page = Page(response, prefix, afterRevision);
            if (page is not null)
            {
                return page;
            }
        }

        throw new StoreUnavailableException("etcd ended a watch");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        if (_aging is not null)
        {
            await _aging.DisposeAsync();
        }

        if (_hub.Task.IsCompletedSuccessfully)
        {
            (await _hub.Task).Close();
        }
        else
        {
            _hub.TrySetException(new StoreUnavailableException("the store is closing"));
        }

        _stop.Dispose();
    }

    private HistoryPage? Page(WatchResponse response, string prefix, long afterRevision)
    {
        var events = new List<StoreEvent>();
        long through = afterRevision;
        foreach (Event change in response.Events)
        {
            if (change.Kv.ModRevision <= afterRevision)
            {
                continue;
            }

            through = change.Kv.ModRevision;
            HubEvent read = EtcdEvents.Read(change, _keys) ?? throw new RevisionCompactedException(afterRevision, through);
            if (read.Path.StartsWith(prefix, StringComparison.Ordinal))
            {
                events.Add(read.Event);
            }
        }

        if (response.Events.Count == 0 && !response.Created)
        {
            through = Math.Max(through, response.Header.Revision); // the member's own notification of progress
        }

        return through > afterRevision ? new HistoryPage(events, through) : null;
    }

    private async Task RunAsync()
    {
        WatchHub? hub = null;
        long after = 0;
        bool isWell = true;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (hub is null)
                {
                    (hub, after) = await StartAsync();
                }

                // Anew with every stream: etcd may have been restored meanwhile, and then its revisions come a second time, with other values.
                long newest = await _lists.LoadIndexAsync(_stop.Token);
                _values.Clear();
                if (newest < after)
                {
                    // The watch goes on after a revision that is still to come, so it brings nothing of what is written until then: reads ask etcd.
                    Log.WentBack(_log, after, newest);
                    _index.Clear();
                }

                await using EtcdWatch watch = await _client.WatchAsync(Create(after), _stop.Token);
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                Task asking = AskForProgressAsync(watch, ended.Token);
                try
                {
                    await foreach (WatchResponse response in watch.ReadAllAsync(_stop.Token))
                    {
                        after = Publish(hub, response, after);
                        if (!isWell)
                        {
                            isWell = true;
                            Log.Recovered(_log, after);
                        }
                    }
                }
                finally
                {
                    await ended.CancelAsync();
                    await asking;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception reason)
            {
                // Whatever it is: watchers wait for events, and a feed that has ended would let them wait for ever.
                if (isWell)
                {
                    isWell = false;
                    Log.Broken(_log, after, reason.Message);
                }
            }

            await Task.Delay(Pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // The ring begins in the past, so that clients of a replica that was started anew find in it what they missed; not so far when that was compacted.
    private async Task<(WatchHub Hub, long After)> StartAsync()
    {
        long newest = await _lists.RevisionAsync(_stop.Token);
        long after = Math.Max(1, newest - _options.WatchEvents);
        var hub = new WatchHub(after, this, _options.WatchEvents, _options.WatchBytes);
        _startedAfter = after;
        _aging = new WatchHubAging(hub, _time);
        _hub.TrySetResult(hub);
        return (hub, after);
    }

    /// <summary>Hands a response's events to the hub. Answers after which revision the stream goes on.</summary>
    private long Publish(WatchHub hub, WatchResponse response, long after)
    {
        if (response.CompactRevision > 0)
        {
            if (hub.WatchedRevision > _startedAfter)
            {
                Log.Missed(_log, after, response.CompactRevision);
            }

            // Some of it may be deleted, and nobody will tell.
            _values.Clear();
            _index.Clear();
            hub.Reset(response.CompactRevision);
            return response.CompactRevision;
        }

        var events = new List<HubEvent>(response.Events.Count);
        var keys = new List<KeyChange>(response.Events.Count);
        foreach (Event change in response.Events)
        {
            if (change.Kv.ModRevision <= after)
            {
                continue;
            }

            after = change.Kv.ModRevision;
            keys.Add(new KeyChange(_keys.PathOf(change.Kv.Key), after, change.Type == Event.Types.EventType.Delete));
            if (EtcdEvents.Read(change, _keys) is { } read)
            {
                events.Add(read);
                continue;
            }

            Log.Missed(_log, after, after);
            _values.Clear();
            hub.Reset(after);
            events.Clear();
        }

        if (events.Count > 0)
        {
            _values.Follow(events);
            hub.Publish(events);
        }
        else if (response.Events.Count == 0 && !response.Created)
        {
            after = Math.Max(after, response.Header.Revision);
            hub.Advance(after);
        }

        _index.Follow(keys, after);
        return after;
    }

    // The revision itself is asked for, and what is at most so old is dropped: asked for the one after it, etcd would not tell that it was compacted.
    private WatchCreateRequest Create(long after) => new()
    {
        Key = _keys.All.Start,
        RangeEnd = _keys.All.End,
        StartRevision = Math.Max(1, after),
        PrevKv = true,
        ProgressNotify = true,
        Fragment = true,
    };

    // Members before 3.4.31 and 3.5.13 may answer with a revision whose events they have not sent yet (etcd-io/etcd#15220, #17557): there only their own,
    // rare notifications count.
    private async Task AskForProgressAsync(EtcdWatch watch, CancellationToken cancellationToken)
    {
        try
        {
            StatusResponse status = await _client.CallAsync(EtcdMethods.Status, new StatusRequest(), EtcdClient.Repeat.Always, cancellationToken);
            using var ticks = new PeriodicTimer(ProgressInterval, _time);
            while (EtcdVersion.TellsProgressTruly(status.Version) && await ticks.WaitForNextTickAsync(cancellationToken))
            {
                await watch.RequestProgressAsync(cancellationToken);
            }
        }
        catch (Exception cause) when (cause is OperationCanceledException or RpcException or InvalidOperationException)
        {
            // The stream has ended, or will: its reader finds out.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The watch of etcd broke after revision {Revision} and is opened again: {Reason}")]
        public static partial void Broken(ILogger log, long revision, string reason);

        [LoggerMessage(2, LogLevel.Information, "The watch of etcd goes on after revision {Revision}")]
        public static partial void Recovered(ILogger log, long revision);

        [LoggerMessage(3, LogLevel.Warning, "History after revision {Revision} was compacted up to {Compacted} before it came here: watchers start anew")]
        public static partial void Missed(ILogger log, long revision, long compacted);

        [LoggerMessage(4, LogLevel.Error, "etcd was at revision {Revision} and is at {Newest} now, as if it was restored from an older copy: restart every API server, so that watches begin anew")]
        public static partial void WentBack(ILogger log, long revision, long newest);
    }
}
