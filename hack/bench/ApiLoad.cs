using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.Bench;

/// <summary>
/// Rates of the API, through the host's API server as kubectl goes: 32 clients create, get and patch 5,000 objects, one lists them, 200 watch
/// while they change. Prints one line per measurement.
/// </summary>
internal sealed class ApiLoad(Cluster cluster, CancellationToken cancellationToken)
{
    private const int Objects = 5000;
    private const int Clients = 32;
    private const int Watchers = 200;
    private const int ChangesWatched = 500;

    private static readonly string Collection = $"/apis/{GroupVersion.ApiVersion}/namespaces/{Cluster.Namespace}/models";

    // Several HTTP clients: one would put all requests onto one connection, which no 32 users share.
    private readonly HttpClient[] _clients = [.. Enumerable.Range(0, 8).Select(_ => cluster.Connection.CreateHttpClient(TimeProvider.System))];

    public static async Task RunAsync(string kubeconfig, CancellationToken cancellationToken)
    {
        using var cluster = new Cluster(kubeconfig);
        var load = new ApiLoad(cluster, cancellationToken);
        await load.RateAsync("create", Objects, i => load.SendAsync(i, HttpMethod.Post, Collection, Document(i), "application/json"));
        await load.RateAsync("get", 2 * Objects, i => load.SendAsync(i, HttpMethod.Get, $"{Collection}/{Name(i % Objects)}", null, null));
        await load.RateAsync("patch", Objects, i => load.SendAsync(i, HttpMethod.Patch, $"{Collection}/{Name(i % Objects)}", LabelPatch("round", i), "application/merge-patch+json"));
        await load.ListAsync();
        await load.WatchAsync();
    }

    private async Task RateAsync(string what, int count, Func<int, Task> send)
    {
        var times = new ConcurrentBag<double>();
        int next = -1;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(WorkAsync, cancellationToken)));
        Console.WriteLine($"{what} {count / Stopwatch.GetElapsedTime(start).TotalSeconds:0} per second, p99 {Percentile(times, 0.99):0.0} ms ({Clients} clients, {count} requests)");

        async Task WorkAsync()
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                long began = Stopwatch.GetTimestamp();
                await send(i);
                times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
        }
    }

    private async Task ListAsync()
    {
        var times = new List<double>();
        long bytes = 0;
        for (int i = 0; i < 5; i++)
        {
            long start = Stopwatch.GetTimestamp();
            bytes = await SendAsync(i, HttpMethod.Get, Collection, null, null);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        Console.WriteLine($"list {Percentile(times, 0.5):0} ms ({Objects} objects, {bytes >> 10} KiB, median of {times.Count})");
    }

    /// <summary>Every change carries the time it was sent in a label; a watcher's line tells how long it took to reach it.</summary>
    private async Task WatchAsync()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var times = new ConcurrentBag<double>();
        var open = new CountdownEvent(Watchers);
        var done = new TaskCompletionSource();
        int left = Watchers * ChangesWatched;
        string version = (await cluster.Client.ListAsync(Cluster.Models, Cluster.Namespace, null, cancellationToken)).ResourceVersion;
        Task[] watchers = [.. Enumerable.Range(0, Watchers).Select(i => WatchOneAsync(i))];
        await Task.Run(() => open.Wait(cancellationToken), cancellationToken);

        long start = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, ChangesWatched), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken }, async (i, _) =>
            await SendAsync(i, HttpMethod.Patch, $"{Collection}/{Name(i)}", LabelPatch("sent", Stopwatch.GetTimestamp()), "application/merge-patch+json"));
        await done.Task.WaitAsync(cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await end.CancelAsync();
        await Task.WhenAll(watchers.Select(watcher => watcher.ContinueWith(_ => { }, TaskScheduler.Default)));
        Console.WriteLine($"watch {Watchers * ChangesWatched / seconds:0} deliveries per second, p99 {Percentile(times, 0.99):0} ms ({Watchers} watchers, {ChangesWatched} changes)");

        async Task WatchOneAsync(int i)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{Collection}?watch=true&resourceVersion={version}") { Version = HttpVersion.Version20 };
            using HttpResponseMessage response = await _clients[i % _clients.Length].SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token);
            response.EnsureSuccessStatusCode();
            open.Signal();
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(end.Token));
            while (await reader.ReadLineAsync(end.Token) is { } line)
            {
                int label = line.IndexOf("\"sent\":\"", StringComparison.Ordinal);
                if (label < 0)
                {
                    continue;
                }

                long sent = long.Parse(line.AsSpan(label + 8, line.IndexOf('"', label + 8) - label - 8));
                times.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
                if (Interlocked.Decrement(ref left) == 0)
                {
                    done.SetResult();
                }
            }
        }
    }

    /// <summary>Sends one request and reads all of the answer. Gives its length.</summary>
    private async Task<long> SendAsync(int i, HttpMethod method, string path, string? body, string? mediaType)
    {
        using var request = new HttpRequestMessage(method, path) { Version = HttpVersion.Version20 };
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, mediaType!);
        }

        using HttpResponseMessage response = await _clients[i % _clients.Length].SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        byte[] answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        return response.IsSuccessStatusCode ? answer.Length : throw new InvalidOperationException($"{method} {path}: {response.StatusCode} {Encoding.UTF8.GetString(answer)}");
    }

    private static string Name(int i) => $"bench-{i:00000}";

    private static string LabelPatch(string label, long value) => $"{{\"metadata\":{{\"labels\":{{\"{label}\":\"{value}\"}}}}}}";

    /// <summary>About 1 KB, as a Model with its annotations is.</summary>
    private static string Document(int i)
    {
        JsonObject model = Cluster.UploadModel(Name(i));
        model["metadata"]!["labels"] = new JsonObject { ["app"] = "bench" };
        model["metadata"]!["annotations"] = new JsonObject { ["description"] = new string('x', 700) };
        return model.ToJsonString();
    }

    private static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))];
    }
}
