using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;

namespace AiModels.Bench;

/// <summary>
/// Many watchers of one collection while it changes at a steady rate. Every change carries the time it was sent in a label; a watcher's line tells how long
/// it took to reach it. One more watcher, if asked for, opens its stream and never reads.
/// </summary>
internal sealed class WatchFanOut(int objects, int watchers, CancellationToken cancellationToken) : IWatchObserver
{
    // As many streams on one connection as kube-apiserver's clients have.
    private const int StreamsPerConnection = 100;

    private readonly ConcurrentBag<double> _times = [];
    private readonly TaskCompletionSource _allOpen = new();
    private int _open;
    private long _deliveries;

    /// <param name="rate">Changes a second.</param>
    /// <returns>One line: deliveries a second, 50th and 99th percentile of their age in milliseconds, changes a second that were made.</returns>
    public static async Task<string> RunAsync(
        Uri server, string token, int objects, int watchers, int rate, int seconds, bool hasStalled, CancellationToken cancellationToken)
    {
        using var writers = new ApiConnections(server, token, 2);
        using var stalled = new ApiConnections(server, token, 1);
        var run = new WatchFanOut(objects, watchers, cancellationToken);
        using HttpResponseMessage? never = hasStalled ? await OpenAsync(stalled[0], cancellationToken) : null;
        return await run.MeasureAsync(server, token, writers, rate, seconds);
    }

    public void Opened()
    {
        if (Interlocked.Increment(ref _open) == watchers)
        {
            _allOpen.SetResult();
        }
    }

    public void Delivered(int events, double? age)
    {
        Interlocked.Add(ref _deliveries, events);
        if (age is { } milliseconds)
        {
            _times.Add(milliseconds);
        }
    }

    private async Task<string> MeasureAsync(Uri server, string token, ApiConnections writers, int rate, int seconds)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        string list = await writers.SendAsync(0, HttpMethod.Get, ApiConnections.Collection + "?limit=1", null, null, cancellationToken);
        string version = (string)JsonNode.Parse(list)!["metadata"]!["resourceVersion"]!;
        Task[] watching = [.. Enumerable.Range(0, watchers).Chunk(StreamsPerConnection).Select(streams => Task.Run(
            () => new WatchConnection(server, token, this).RunAsync(PathAfter(version), streams.Length, end.Token), cancellationToken))];
        await Task.WhenAny([_allOpen.Task, .. watching]).Unwrap().WaitAsync(cancellationToken);

        long start = Stopwatch.GetTimestamp();
        int made = await ChangeAsync(writers, rate, seconds);
        await UntilDeliveredAsync((long)made * watchers, watching);
        double took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await end.CancelAsync();
        await Task.WhenAll(watching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        double[] sorted = [.. _times.Order()];
        return $"{_deliveries / took:0} {sorted[sorted.Length / 2]:0} {sorted[sorted.Length * 99 / 100]:0} {made / took:0}";
    }

    private async Task<int> ChangeAsync(ApiConnections writers, int rate, int seconds)
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var changes = new List<Task>();
        for (int tick = 0; tick < seconds * 50 && await ticks.WaitForNextTickAsync(cancellationToken); tick++)
        {
            for (int i = 0; i < rate / 50; i++)
            {
                int n = changes.Count;
                string patch = $"{{\"metadata\":{{\"labels\":{{\"sent\":\"{Stopwatch.GetTimestamp()}\"}}}}}}";
                changes.Add(writers.SendAsync(
                    n, HttpMethod.Patch, $"{ApiConnections.Collection}/model-{n % objects}", patch, "application/merge-patch+json", cancellationToken));
            }
        }

        await Task.WhenAll(changes);
        return changes.Count;
    }

    private async Task UntilDeliveredAsync(long expected, Task[] watching)
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (Interlocked.Read(ref _deliveries) < expected)
        {
            // A connection that has ended will not deliver the rest.
            await (watching.FirstOrDefault(connection => connection.IsCompleted) ?? Task.CompletedTask);
            await ticks.WaitForNextTickAsync(cancellationToken);
        }
    }

    // With bookmarks, which every informer asks for.
    private static string PathAfter(string version) => $"{ApiConnections.Collection}?watch=true&allowWatchBookmarks=true&resourceVersion={version}";

    private static async Task<HttpResponseMessage> OpenAsync(HttpClient client, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, PathAfter("0")) { Version = HttpVersion.Version20 };
        HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        return response.EnsureSuccessStatusCode();
    }
}
