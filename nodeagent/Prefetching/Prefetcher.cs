using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Prefetching;

/// <summary>Fetches ahead what the live state says will be wanted here, and tells the cache what is pinned.</summary>
internal sealed partial class Prefetcher(NodeCache cache, IModelCatalog catalog, TimeProvider time, ILogger<Prefetcher> logger)
    : PeriodicLook(TimeSpan.Zero, Interval, time, logger)
{
    // A gated Pod waits for minutes as a rule; two small lists in 15 s are no load.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly LastProblem _problem = new();

    public override async Task LookAsync(CancellationToken cancellationToken)
    {
        WantedModels wanted;
        try
        {
            wanted = await catalog.ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            Note($"the live state cannot be read: {e.Message}"); // pins stay as they were
            return;
        }

        string? problem = null;
        HashSet<string> digests = [.. wanted.Expected.Concat(wanted.Pinned).Select(model => model.Digest)];
        foreach (AuthorizedModel model in wanted.Expected.Concat(wanted.Pinned))
        {
            try
            {
                cache.Prefetch(model, digests);
            }
            catch (Exception e) when (e is NodeAgentException or IOException)
            {
                problem = e.Message;
            }
        }

        cache.Pin(wanted.Pinned.Select(model => model.Digest).ToHashSet());
        Note(problem);
    }

    /// <summary>Says a problem once, not every 15 s.</summary>
    private void Note(string? problem)
    {
        if (_problem.IsNews(problem))
        {
            Log.NotFetchedAhead(Logger, problem);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Warning, "Models are not fetched ahead: {Reason}")]
        public static partial void NotFetchedAhead(ILogger logger, string reason);
    }
}
