using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.Soak;

/// <summary>Start servers, writers and watchers; kill; stop; check.</summary>
public static class SoakRun
{
    // A defect repeats itself: a screen of it is enough.
    private const int MaximumFailures = 20;

    public static async Task<SoakReport> RunAsync(SoakOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        await using SoakServers servers = await SoakServers.StartAsync(options, cancellationToken);
        using var api = new SoakApi(servers.Replicas);
        var failures = new ConcurrentQueue<string>();
        await output.WriteLineAsync(
            $"{options.Storage}: {servers.Replicas.Count} replicas, {options.Writers} writers, {options.Watchers} watchers, {options.Seconds} seconds");

        // Step 1: watchers from the beginning, then writers, a lister and the kills.
        long start = Change.RevisionOf((await api.ReadAsync(SoakApi.Collection, cancellationToken)).Body);
        SoakWatcher[] watchers =
            [.. Enumerable.Range(0, options.Watchers).Select(i => new SoakWatcher(api, i, (WatcherHabit)(i % Enum.GetValues<WatcherHabit>().Length), start, failures))];
        SoakWriter[] writers = [.. Enumerable.Range(0, options.Writers).Select(i => new SoakWriter(api, i, options.Rest, failures))];
        var lister = new SoakLister(api, failures);
        using var stopWatching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] watching = [.. watchers.Select(watcher => watcher.RunAsync(stopWatching.Token))];
        time.CancelAfter(TimeSpan.FromSeconds(options.Seconds));
        await Task.WhenAll(
        [
            .. writers.Select(writer => writer.RunAsync(time.Token, cancellationToken)),
            lister.RunAsync(time.Token),
            servers.KillAsync(TimeSpan.FromSeconds(options.KillEvery), time.Token, cancellationToken),
        ]);

        // Step 2: everybody reads to the end, which one more change marks: nobody's bookmark can stand before it.
        long end = await MarkEndAsync(api, cancellationToken);
        foreach (SoakWatcher watcher in watchers)
        {
            watcher.CalmDown();
        }

        await Eventually.GetAsync(
            () => Task.FromResult(watchers.Where(watcher => watcher.Position < end).Select(watcher => $"{watcher.Name} at {watcher.Position}").ToArray()),
            behind => behind.Length == 0, $"all watchers are at revision {end}", cancellationToken, seconds: 120);
        await stopWatching.CancelAsync();
        await Task.WhenAll(watching);

        // Step 3: the lists of all replicas, and the verdict.
        var lists = new List<JsonObject>();
        for (int replica = 0; replica < api.Count; replica++)
        {
            lists.Add((await api.SendAsync(replica, HttpMethod.Get, SoakApi.Collection, null, cancellationToken)).Body);
        }

        Change[] acknowledged = [.. writers.SelectMany(writer => writer.Acknowledged)];
        string[] all = [.. failures.Concat(SoakChecker.Check(watchers, acknowledged, lists, start, end)).Take(MaximumFailures)];
        long deliveries = watchers.Sum(watcher => watcher.Segments.Sum(segment => (long)segment.Changes.Count));
        return new SoakReport(
            $"{acknowledged.Length} changes acknowledged, {writers.Sum(writer => writer.Unanswered)} without an answer; {deliveries} deliveries over "
            + $"{watchers.Sum(watcher => watcher.Streams)} streams; {lister.Compared} pairs of lists compared; {servers.Kills} kills of replicas, "
            + $"{servers.LeaderKills} of etcd's leader: {(all.Length == 0 ? "each watcher saw each change once, in order" : $"{all.Length} failures")}",
            all);
    }

    private static async Task<long> MarkEndAsync(SoakApi api, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                (int code, JsonObject body) = await api.SendAsync(
                    api.Any(), HttpMethod.Post, SoakApi.Collection, Change.Document("zz-end", 1, null), cancellationToken);
                if (code is 201)
                {
                    return Change.RevisionOf(body);
                }

                if (code == 409)
                {
                    return Change.RevisionOf((await api.ReadAsync($"{SoakApi.Collection}/zz-end", cancellationToken)).Body);
                }
            }
            catch (HttpRequestException)
            {
                // The last kill's: the next attempt, or the one after it, is answered.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellationToken);
        }
    }
}
