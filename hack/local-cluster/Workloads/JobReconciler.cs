using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>Job -> Pods until enough have succeeded, or more than backoffLimit have failed.</summary>
internal sealed class JobReconciler(WorkloadApi api, TimeProvider time) : IReconciler<NamespacedName>
{
    // Upstream starts at 10 s; on one machine nobody wants to wait that long.
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(1);

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? job = await api.GetAsync(ResourceTypes.Jobs, key.Namespace, key.Name, cancellationToken);
        if (job == null || job.IsDeleting()) return ReconcileResult.Done;
        if (FinishedAt(job) is { } finished) return await ExpireAsync(job, finished, cancellationToken);

        IReadOnlyList<JsonObject> pods = await api.OwnedAsync(ResourceTypes.Pods, job, cancellationToken);
        int succeeded = pods.Count(p => p.Phase() == "Succeeded");
        List<JsonObject> failed = [.. pods.Where(p => p.Phase() == "Failed")];
        List<JsonObject> active = [.. pods.Where(p => p.Phase() is not ("Succeeded" or "Failed") && !p.IsDeleting())];
        string? end = succeeded >= job.Int("spec.completions", 1) ? "Complete" : failed.Count > job.Int("spec.backoffLimit", 6) ? "Failed" : null;
        ReconcileResult result = ReconcileResult.Done;
        if (end != null || (bool?)job.At("spec.suspend") == true)
        {
            foreach (JsonObject pod in active) await api.DeleteAsync(ResourceTypes.Pods, pod, cancellationToken);
            active.Clear();
        }
        else
        {
            result = await StartAsync(job, active.Count, succeeded, failed, cancellationToken);
        }

        await WriteStatusAsync(job, active, succeeded, failed.Count, end, cancellationToken);
        return end != null && job.At("spec.ttlSecondsAfterFinished") != null ? ReconcileResult.After(TimeSpan.FromSeconds(job.Int("spec.ttlSecondsAfterFinished"))) : result;
    }

    private async Task<ReconcileResult> StartAsync(JsonObject job, int active, int succeeded, IReadOnlyList<JsonObject> failed, CancellationToken cancellationToken)
    {
        int missing = Math.Min(job.Int("spec.parallelism", 1), job.Int("spec.completions", 1) - succeeded) - active;
        if (missing <= 0) return ReconcileResult.Done;
        if (failed.Count > 0)
        {
            TimeSpan pause = FirstBackoff * Math.Pow(2, Math.Min(failed.Count - 1, 6));
            DateTimeOffset last = failed.Max(p => p.Items("status.containerStatuses").Max(c => c.Time("state.terminated.finishedAt")) ?? p.Time("metadata.creationTimestamp")) ?? time.GetUtcNow();
            TimeSpan left = last + pause - time.GetUtcNow();
            if (left > TimeSpan.Zero) return ReconcileResult.After(left);
        }

        for (int i = 0; i < missing; i++)
        {
            await api.CreatePodAsync(job, job.At("spec.template"), job.Name() + "-", pod =>
            {
                if (pod["metadata"]!["labels"] is not JsonObject labels) pod["metadata"]!["labels"] = labels = [];
                labels["batch.kubernetes.io/job-name"] = job.Name();
                labels["batch.kubernetes.io/controller-uid"] = job.Uid();
                // The names before 1.27, which scripts still select by.
                labels["job-name"] = job.Name();
                labels["controller-uid"] = job.Uid();
            }, cancellationToken);
        }

        return ReconcileResult.Done;
    }

    private Task WriteStatusAsync(JsonObject job, IReadOnlyList<JsonObject> active, int succeeded, int failed, string? end, CancellationToken cancellationToken)
    {
        string now = time.Timestamp();
        var status = new JsonObject
        {
            ["active"] = active.Count,
            ["ready"] = active.Count(p => p.IsPodReady()),
            ["succeeded"] = succeeded,
            ["failed"] = failed,
            ["startTime"] = (string?)job.At("status.startTime") ?? now,
        };
        if (end == "Complete") status["completionTime"] = now;
        if (end != null)
        {
            status["conditions"] = Conditions.With(
                job.At("status.conditions"), end, true, end == "Complete" ? "CompletionsReached" : "BackoffLimitExceeded",
                end == "Complete" ? "Reached expected number of succeeded pods" : "Job has reached the specified backoff limit", time);
        }

        return api.SetStatusAsync(ResourceTypes.Jobs, job, status, cancellationToken);
    }

    private async Task<ReconcileResult> ExpireAsync(JsonObject job, DateTimeOffset finished, CancellationToken cancellationToken)
    {
        if (job.At("spec.ttlSecondsAfterFinished") == null) return ReconcileResult.Done;
        TimeSpan left = finished + TimeSpan.FromSeconds(job.Int("spec.ttlSecondsAfterFinished")) - time.GetUtcNow();
        if (left > TimeSpan.Zero) return ReconcileResult.After(left);
        await api.DeleteAsync(ResourceTypes.Jobs, job, cancellationToken);
        return ReconcileResult.Done;
    }

    private static DateTimeOffset? FinishedAt(JsonObject job) => job.Items("status.conditions")
        .Where(c => (string?)c["type"] is "Complete" or "Failed" && (string?)c["status"] == "True").Select(c => c.Time("lastTransitionTime")).FirstOrDefault();
}
