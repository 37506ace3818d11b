using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Decisions;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>Sends the live progress of a preparation to the subresource /progress, once a second while it runs.</summary>
internal sealed partial class ProgressReporter(IKubernetesClient client, TimeProvider time, ILogger<ProgressReporter> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Runs the work and reports beside it. Reports that fail are left out: the next one says more. What the work throws is thrown.</summary>
    public async Task ReportWhileAsync(ModelObject model, TransferProgress progress, Action onReport, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task reporting = ReportAsync(model, progress, onReport, ended.Token);
        try
        {
            await work(cancellationToken);
        }
        finally
        {
            await ended.CancelAsync();
            await reporting;
            if (!cancellationToken.IsCancellationRequested)
            {
                await SendAsync(model, progress, cancellationToken);
            }
        }
    }

    /// <summary>The last report of a model: it is Ready or has failed. Whoever watches learns it from this.</summary>
    public Task ReportEndAsync(ModelObject model, ModelStatus status, CancellationToken cancellationToken) => PutAsync(
        model,
        new ModelProgress
        {
            Stage = status.Phase,
            Progress = status.Progress,
            BytesExpected = status.Artifact?.SizeBytes,
            BytesReceived = status.Artifact?.SizeBytes,
            ReportedAt = time.GetUtcNow(),
        },
        cancellationToken);

    private async Task ReportAsync(ModelObject model, TransferProgress progress, Action onReport, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await SendAsync(model, progress, cancellationToken);
                onReport();
                await Task.Delay(Interval, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The work has ended.
        }
    }

    private async Task SendAsync(ModelObject model, TransferProgress progress, CancellationToken cancellationToken)
    {
        if (progress.HasBegun)
        {
            // An earlier process may have been further than this one has found out yet.
            double percentage = Math.Max(ProgressDecision.Parse(model.Status.Progress), ProgressDecision.Preparing(model.Source.Upload is not null, progress.Fraction));
            string percent = ProgressDecision.Text(percentage);
            await PutAsync(model, progress.Report(percent), cancellationToken);
        }
    }

    private async Task PutAsync(ModelObject model, ModelProgress report, CancellationToken cancellationToken)
    {
        try
        {
            var body = (JsonObject)JsonSerializer.SerializeToNode(report, ContractsJson.Options)!;
            await client.SubresourceAsync(HttpMethod.Put, model.Key.Type, model.Key.Name.Namespace, model.Key.Name.Name, "progress", body, cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            Log.NotSent(logger, model.Key, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(50, LogLevel.Debug, "Progress of {Model} could not be reported: {Problem}")]
        public static partial void NotSent(ILogger logger, ModelKey model, string problem);
    }
}
