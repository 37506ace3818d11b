using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Reporting;

/// <summary>
/// Tells the /progress of each model that is being fetched how far this node is (architecture, decision 11): every two seconds while bytes move, once more when it has
/// ended. Nothing is stored, so a report that is lost costs nothing.
/// </summary>
internal sealed partial class ProgressReporter(NodeCache cache, IKubernetesClient client, ServeOptions options, TimeProvider time, ILogger<ProgressReporter> logger)
    : PeriodicLook(Interval, Interval, time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // A download that stands still is repeated: what nobody repeats is forgotten after five minutes.
    private static readonly TimeSpan SignOfLife = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (ConsumerProgress Progress, DateTimeOffset At)> _told = [];
    private readonly LastProblem _problem = new();

    /// <summary>Tells what has changed since the last time.</summary>
    public override async Task LookAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<Transfer> transfers = cache.Transfers();
        foreach (string gone in _told.Keys.Except(transfers.Select(transfer => transfer.Model.Digest)).ToArray())
        {
            _told.Remove(gone);
        }

        foreach (Transfer transfer in transfers)
        {
            ConsumerProgress now = Of(transfer);
            bool isTold = _told.TryGetValue(transfer.Model.Digest, out (ConsumerProgress Progress, DateTimeOffset At) last) && last.Progress == now;
            if (!isTold || (transfer.State == CacheEntryState.Downloading && Time.GetUtcNow() - last.At >= SignOfLife))
            {
                await TellAsync(transfer, now, cancellationToken);
            }
        }
    }

    private ConsumerProgress Of(Transfer transfer) => new()
    {
        Name = $"node/{options.NodeName}",
        State = transfer.State == CacheEntryState.Downloading && transfer.BytesDone == 0 ? "Waiting" : transfer.State.ToString(),
        BytesExpected = transfer.Model.SizeBytes,
        BytesReceived = transfer.State == CacheEntryState.Ready ? transfer.Model.SizeBytes : Math.Min(transfer.BytesDone, transfer.Model.SizeBytes),
        Message = transfer.LastError,
    };

    private async Task TellAsync(Transfer transfer, ConsumerProgress progress, CancellationToken cancellationToken)
    {
        bool isCluster = transfer.Model.Kind == GroupVersion.ClusterModelKind;
        JsonObject report = JsonSerializer.SerializeToNode(new ModelProgress { Consumers = [progress] }, ContractsJson.Options)!.AsObject();
        try
        {
            await client.SubresourceAsync(
                HttpMethod.Put, isCluster ? ResourceTypes.ClusterModels : ResourceTypes.Models, transfer.Model.Namespace, transfer.Model.Name, "progress", report, cancellationToken);
            _problem.Forget();
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            // The model was deleted while it was fetched: nobody asks for its progress.
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            Note(e.Message);
            return; // told at the next look
        }

        _told[transfer.Model.Digest] = (progress, Time.GetUtcNow());
    }

    /// <summary>Says a trouble once, not every two seconds.</summary>
    private void Note(string problem)
    {
        if (_problem.IsNews(problem))
        {
            Log.NotTold(Logger, problem);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(51, LogLevel.Warning, "Progress could not be reported: {Reason}")]
        public static partial void NotTold(ILogger logger, string reason);
    }
}
