using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace AiModels.Soak;

/// <summary>How a watcher behaves.</summary>
internal enum WatcherHabit
{
    /// <summary>Reads as fast as it can.</summary>
    Steady,

    /// <summary>Cuts its connection again and again, and goes on where it was (or where a bookmark said it was).</summary>
    Cut,

    /// <summary>Reads slowly.</summary>
    Slow,

    /// <summary>Begins again from an old revision.</summary>
    Rewinding,
}

/// <summary>A contiguous piece of what a watcher saw: everything after <paramref name="Start"/>.</summary>
internal sealed record Segment(long Start)
{
    public List<Change> Changes { get; } = [];
}

/// <summary>One watcher that goes on, at whatever replica, until it is told to end.</summary>
internal sealed class SoakWatcher(SoakApi api, int id, WatcherHabit habit, long start, ConcurrentQueue<string> failures)
{
    private readonly Random _random = new(10_000 + id);
    private long _position = start;

    public string Name => $"watcher {id} ({habit})";

    public List<Segment> Segments { get; } = [new Segment(start)];

    /// <summary>How far it has come: the revision of the last event or bookmark.</summary>
    public long Position => Volatile.Read(ref _position);

    /// <summary>How many streams it has read.</summary>
    public int Streams { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var cut = CancellationTokenSource.CreateLinkedTokenSource(stop);
            if (habit is WatcherHabit.Cut or WatcherHabit.Rewinding)
            {
                cut.CancelAfter(TimeSpan.FromMilliseconds(_random.Next(300, 4000)));
            }

            await ReadAsync(cut.Token);
            if (habit == WatcherHabit.Rewinding && !stop.IsCancellationRequested)
            {
                Rewind();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(10, 60)), TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>From now on it only reads on, as fast as it can.</summary>
    public void CalmDown() => habit = WatcherHabit.Steady;

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        Streams++;
        try
        {
            // Short ones end with a bookmark two seconds before.
            await foreach (JsonObject line in api.WatchAsync(_position, _random.Next(3, 20), cancellationToken))
            {
                Take((string)line["type"]!, line["object"]!.AsObject());
                if (habit == WatcherHabit.Slow)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(0, 12)), TimeProvider.System, cancellationToken);
                }
            }
        }
        catch (Exception end) when (end is HttpRequestException or IOException or OperationCanceledException)
        {
            // The replica was killed, or the connection was cut here.
        }
    }

    private void Take(string type, JsonObject obj)
    {
        if (type == "ERROR")
        {
            if ((int?)obj["code"] == 410)
            {
                failures.Enqueue($"{Name}: {(string?)obj["message"]}, though history is kept for minutes");
            }

            return;
        }

        if (type != "BOOKMARK")
        {
            Segments[^1].Changes.Add(Change.Of(type, obj));
        }

        Volatile.Write(ref _position, Change.RevisionOf(obj));
    }

    private void Rewind()
    {
        List<Change> seen = Segments[^1].Changes;
        long to = seen.Count == 0 ? Segments[^1].Start : seen[_random.Next(seen.Count)].Revision;
        Segments.Add(new Segment(to));
        Volatile.Write(ref _position, to);
    }
}
