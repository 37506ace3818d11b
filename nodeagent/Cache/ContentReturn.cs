using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Registry;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Gives the registry back what it has lost and this node has. Models that came by upload have no other source, and for the others it is the nearest. One small question an interval;
/// only when something is lost, one for each model of the cache.
/// </summary>
internal sealed partial class ContentReturn(
    NodeCache cache, IModelSource source, ServeOptions options, NodeAgentMetrics metrics, TimeProvider time, ILogger<ContentReturn> logger)
    // Nodes that were started together do not ask together.
    : PeriodicLook(options.IntegrityInterval * Random.Shared.NextDouble(), options.IntegrityInterval, time, logger)
{
    private readonly LastProblem _problem = new();

    public override async Task LookAsync(CancellationToken cancellationToken)
    {
        string? problem = null;
        bool isAnyLost = false;
        foreach ((AuthorizedModel model, string folder) in cache.Complete())
        {
            try
            {
                // What holds for the registry is asked once, in the name of the first model that is still there.
                if (!isAnyLost && await source.CountLostAsync(model, cancellationToken) == 0)
                {
                    problem = null;
                    break;
                }

                isAnyLost = true;
                ReturnedContent returned = await source.GiveBackAsync(model, folder, cancellationToken);
                problem = returned.Problem is null ? problem : $"{model}: {returned.Problem}";
                if (returned.Parts > 0)
                {
                    metrics.Returned(returned.Parts);
                    Log.Returned(Logger, returned.Parts, model.ToString());
                }
            }
            catch (KubernetesApiException e) when (e.StatusCode == 404)
            {
                // Nobody has this model any more; the cache keeps it until room is needed.
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                // Evicted just now, or nobody answers: the next look is soon.
                problem = $"{model}: {e.Message}";
            }
        }

        Note(problem);
    }

    /// <summary>Says a problem once, not at every look.</summary>
    private void Note(string? problem)
    {
        if (_problem.IsNews(problem))
        {
            Log.NotReturned(Logger, problem);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(35, LogLevel.Information, "The registry had lost {Chunks} chunks of {Model} and has got them back from this node")]
        public static partial void Returned(ILogger logger, int chunks, string model);

        [LoggerMessage(36, LogLevel.Warning, "What the registry has lost cannot all be given back: {Reason}")]
        public static partial void NotReturned(ILogger logger, string reason);
    }
}
