using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Progress;

/// <summary>
/// What is known right now about the progress of models. In memory only: who moves bytes reports, and what nobody has repeated for
/// <see cref="Freshness"/> is forgotten. Bytes that come in here as an upload are reported by the receiver itself.
/// </summary>
internal sealed class ProgressBoard(TimeProvider time)
{
    /// <summary>Reports come every second or so; five minutes without one mean that nothing moves any more.</summary>
    public static readonly TimeSpan Freshness = TimeSpan.FromMinutes(5);

    // Often enough for a moving bar, seldom enough to cost nothing.
    private static readonly TimeSpan ReceivedInterval = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<string, ProgressEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>Raised with the model's UID and what was reported here, not what other replicas passed on.</summary>
    public event Action<string, ModelProgress>? Reported;

    /// <summary>
    /// Takes a report. One with a stage (or bytes) tells of preparation and replaces the previous; consumers are kept by name beside it,
    /// so that a node or Job that reports itself alone leaves the rest as it is.
    /// </summary>
    public void Report(string uid, ModelProgress report)
    {
        TakeOver(uid, report);
        Reported?.Invoke(uid, report);
    }

    /// <summary>Takes a report that was made to another replica.</summary>
    public void TakeOver(string uid, ModelProgress report)
    {
        ForgetStale();
        EntryOf(uid).Merge(report, time.GetUtcNow());
    }

    /// <summary>Bytes of an upload arrived. Cheap: most calls only look at the clock.</summary>
    public void ReportReceived(UploadRecord upload, long received, long stored)
    {
        if (EntryOf(upload.Uid).Received(upload, received, stored, time, ReceivedInterval) is { } report)
        {
            Reported?.Invoke(upload.Uid, report);
        }
    }

    /// <summary>What is fresh, or null when nothing is.</summary>
    public ModelProgress? Find(string uid) => _entries.TryGetValue(uid, out ProgressEntry? entry) ? entry.Snapshot(time.GetUtcNow() - Freshness) : null;

    /// <summary>The current state and every later one, until cancelled. A slow reader skips states and never sees an older one after a newer.</summary>
    public async IAsyncEnumerable<ModelProgress?> WatchAsync(string uid, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ProgressEntry entry = Join(uid);
        try
        {
            while (true)
            {
                Task changed = entry.Changed;
                yield return entry.Snapshot(time.GetUtcNow() - Freshness);
                await changed.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            entry.RemoveWatcher();
        }
    }

    // An entry may be forgotten between finding it and joining it; then the next one is joined.
    private ProgressEntry Join(string uid)
    {
        while (true)
        {
            ProgressEntry entry = EntryOf(uid);
            entry.AddWatcher();
            if (_entries.TryGetValue(uid, out ProgressEntry? current) && current == entry)
            {
                return entry;
            }

            entry.RemoveWatcher();
        }
    }

    private ProgressEntry EntryOf(string uid) => _entries.GetOrAdd(uid, _ => new ProgressEntry());

    // Reports are rare compared with everything else, so they may do the tidying.
    private void ForgetStale()
    {
        DateTimeOffset oldest = time.GetUtcNow() - Freshness;
        foreach ((string uid, ProgressEntry entry) in _entries)
        {
            if (entry.Snapshot(oldest) is null && !entry.IsWatched)
            {
                _entries.TryRemove(KeyValuePair.Create(uid, entry));
            }
        }
    }
}
