using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>One watch, from its first event to its end.</summary>
internal sealed class WatchRun(
    ServedResource resource, string @namespace, ListQuery query, WatchEncoder encoder, IWatchSink sink, ApiMachineryOptions options, TimeProvider time,
    ApiMachineryMetrics metrics, TimeSpan lifetime)
{
    // Initial events are read in pages, so that many watchers starting at once do not hold the whole collection each.
    private const int InitialPage = 500;
    private static readonly TimeSpan BeforeTheEnd = TimeSpan.FromSeconds(2);
    private readonly long _started = time.GetTimestamp();
    private readonly ObjectFilter _filter = new(query);
    private readonly ObjectKey? _only = query.Fields.Name is { } name && (!resource.IsNamespaced || @namespace.Length > 0)
        ? resource.Store.KeyOf(@namespace, name)
        : null;

    // The revision up to which this watcher has surely seen everything.
    private long _seen;

    // The event that is waited for.
    private Task<bool> _next = Task.FromResult(false);

    // How far the store's watches were when the last bookmark was sent.
    private long _passed;

    private string Prefix => resource.Store.PrefixOf(@namespace);

    public async Task StreamAsync(CancellationToken cancellationToken)
    {
        await sink.FlushAsync(cancellationToken);
        bool sendsInitial = query.SendsInitialEvents ?? query.Revision == 0;
        if (sendsInitial)
        {
            await RevisionWait.UntilAsync(resource.Objects, query.Revision, options.FutureRevisionWait, time, cancellationToken);
            await SendInitialAsync(cancellationToken);
            metrics.InitialEventsSent(resource.Definition, time.GetElapsedTime(_started));
        }
        else
        {
            _seen = query.Revision > 0 ? query.Revision : await resource.Objects.GetRevisionAsync(cancellationToken);
        }

        await FollowAsync(cancellationToken);
    }

    /// <summary>The error as the stream's last event; headers are long gone.</summary>
    public async Task FailAsync(ApiException error)
    {
        try
        {
            encoder.Error(sink.Output, error.Status);
            await sink.EndEventAsync(CancellationToken.None);
            await sink.FlushAsync(CancellationToken.None);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or System.Net.WebSockets.WebSocketException)
        {
            // Nobody is left to be told.
        }
    }

    private async Task SendInitialAsync(CancellationToken cancellationToken)
    {
        long revision = _only is { } only ? await SendOnlyAsync(only, cancellationToken) : 0;
        string? after = null;
        while (_only is null)
        {
            StoredList page = await resource.Objects.ListAsync(
                new ListRequest { Prefix = Prefix, Revision = revision, After = after, Limit = InitialPage, CountsRemaining = false }, cancellationToken);
            revision = page.Revision;
            foreach (StoredObject stored in page.Objects)
            {
                if (_filter.Matches(stored.Value, stored.Revision))
                {
                    await SendAsync("ADDED", stored.Value, stored.Revision, cancellationToken);
                }
            }

            if (page.Remaining == 0)
            {
                break;
            }

            after = page.Objects[^1].Key.ToString();
        }

        _seen = revision;
        if (query.AllowsBookmarks)
        {
            encoder.Bookmark(sink.Output, revision, isEndOfInitialEvents: true);
            await sink.EndEventAsync(cancellationToken);
        }

        await sink.FlushAsync(cancellationToken);
    }

    // One object is read as it is now; a change between the two reads is seen again by the watch, which does no harm.
    private async ValueTask<long> SendOnlyAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        long before = await resource.Objects.GetRevisionAsync(cancellationToken);
        if (await resource.Objects.GetAsync(key, cancellationToken) is not { } stored)
        {
            return before;
        }

        if (_filter.Matches(stored.Value, stored.Revision))
        {
            await SendAsync("ADDED", stored.Value, stored.Revision, cancellationToken);
        }

        return Math.Max(before, stored.Revision);
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using IAsyncEnumerator<StoreEvent> events = resource.Objects.WatchAsync(Prefix, _seen, stop.Token).GetAsyncEnumerator(stop.Token);
        using BookmarkClock? bookmarks = query.AllowsBookmarks
            ? new BookmarkClock(options.BookmarkInterval, lifetime - BeforeTheEnd, time, _started)
            : null;
        try
        {
            while (await NextAsync(events, bookmarks, cancellationToken))
            {
                await SendAsync(events.Current, cancellationToken);
                _seen = events.Current.Object.Revision;
            }
        }
        finally
        {
            // An enumerator may not be disposed while it is asked for its next event.
            await stop.CancelAsync();
            await ((Task)_next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Events that are there already are sent together; only then is the client's connection flushed.
    private ValueTask<bool> NextAsync(IAsyncEnumerator<StoreEvent> events, BookmarkClock? bookmarks, CancellationToken cancellationToken)
    {
        ValueTask<bool> next = events.MoveNextAsync();
        if (next.IsCompleted)
        {
            return next;
        }

        _next = next.AsTask();
        return new ValueTask<bool>(WaitAsync(_next, bookmarks, cancellationToken));
    }

    private async Task<bool> WaitAsync(Task<bool> next, BookmarkClock? bookmarks, CancellationToken cancellationToken)
    {
        await sink.FlushAsync(cancellationToken);
        while (bookmarks is not null && await Task.WhenAny(next, bookmarks.Next) != next)
        {
            // A revision read now may be ahead of this stream; the one read a round ago is behind it.
            _seen = Math.Max(_seen, _passed);
            _passed = resource.Objects.WatchedRevision;
            encoder.Bookmark(sink.Output, _seen, isEndOfInitialEvents: false);
            await sink.EndEventAsync(cancellationToken);
            await sink.FlushAsync(cancellationToken);
            bookmarks.Restart();
        }

        return await next;
    }

    /// <summary>What a change is to this watcher: objects enter and leave its selection (contract W7).</summary>
    private ValueTask SendAsync(StoreEvent change, CancellationToken cancellationToken)
    {
        StoredObject stored = change.Object;
        if (!IsOurs(stored.Key))
        {
            return ValueTask.CompletedTask;
        }

        if (query.SelectsAll || _only is not null && query.Labels.IsEverything && query.Fields.Requirements.Count == 1)
        {
            return SendAsync(TypeOf(change.Type), stored.Value, stored.Revision, cancellationToken);
        }

        bool matches = change.Type != StoreEventType.Deleted && _filter.Matches(stored.Value, stored.Revision);
        ReadOnlyMemory<byte>? before = change.Type == StoreEventType.Deleted ? stored.Value : change.PreviousValue;
        bool matched = before is { } value && _filter.Matches(value, 0);
        return (matched, matches) switch
        {
            (false, true) => SendAsync("ADDED", stored.Value, stored.Revision, cancellationToken),
            (true, true) => SendAsync("MODIFIED", stored.Value, stored.Revision, cancellationToken),
            (true, false) => SendAsync("DELETED", before!.Value, stored.Revision, cancellationToken),
            _ => ValueTask.CompletedTask,
        };
    }

    private bool IsOurs(ObjectKey key) => _only is not { } only || key == only;

    private ValueTask SendAsync(string type, ReadOnlyMemory<byte> value, long revision, CancellationToken cancellationToken)
    {
        int bytes = encoder.Change(sink.Output, type, value, revision);
        metrics.WatchEvent(resource.Definition, bytes);
        return sink.EndEventAsync(cancellationToken);
    }

    private static string TypeOf(StoreEventType type) => type switch
    {
        StoreEventType.Created => "ADDED",
        StoreEventType.Updated => "MODIFIED",
        _ => "DELETED",
    };
}
