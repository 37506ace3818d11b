using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>CronJob -> a Job at each time of its schedule, by concurrencyPolicy, with a short history.</summary>
internal sealed class CronJobReconciler(WorkloadApi api, TimeProvider time) : IReconciler<NamespacedName>
{
    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? cron = await api.GetAsync(ResourceTypes.CronJobs, key.Namespace, key.Name, cancellationToken);
        if (cron == null || cron.IsDeleting()) return ReconcileResult.Done;
        IReadOnlyList<JsonObject> jobs = await api.OwnedAsync(ResourceTypes.Jobs, cron, cancellationToken);
        List<JsonObject> active = [.. jobs.Where(j => Finished(j) == null)];
        await ForgetAsync(jobs, "Complete", cron.Int("spec.successfulJobsHistoryLimit", 3), cancellationToken);
        await ForgetAsync(jobs, "Failed", cron.Int("spec.failedJobsHistoryLimit", 1), cancellationToken);

        ReconcileResult result = ReconcileResult.Done;
        string? last = (string?)cron.At("status.lastScheduleTime");
        if ((bool?)cron.At("spec.suspend") != true && CronSchedule.Parse((string?)cron.At("spec.schedule") ?? "") is { } schedule)
        {
            DateTimeOffset now = time.GetUtcNow();
            DateTimeOffset since = cron.Time("status.lastScheduleTime") ?? cron.Time("metadata.creationTimestamp") ?? now;
            if (Due(schedule, since, now) is { } due)
            {
                last = Documents.Timestamp(due);
                await StartAsync(cron, due, active, cancellationToken);
            }

            if (schedule.After(now) is { } next) result = ReconcileResult.After(next - now);
        }

        var references = new JsonArray([.. active.Select(j => new JsonObject { ["kind"] = "Job", ["namespace"] = j.Namespace(), ["name"] = j.Name(), ["uid"] = j.Uid() })]);
        await api.SetStatusAsync(ResourceTypes.CronJobs, cron, new JsonObject { ["active"] = references, ["lastScheduleTime"] = last }, cancellationToken);
        return result;
    }

    /// <summary>The newest scheduled time that has passed: what was missed while nobody looked runs once.</summary>
    private static DateTimeOffset? Due(CronSchedule schedule, DateTimeOffset since, DateTimeOffset now)
    {
        DateTimeOffset? due = null;
        // More than a day of missed minutes does not change the answer but the time it takes.
        if (now - since > TimeSpan.FromDays(1)) since = now.AddDays(-1);
        for (DateTimeOffset? next = schedule.After(since); next <= now; next = schedule.After(next.Value)) due = next;
        return due;
    }

    private async Task StartAsync(JsonObject cron, DateTimeOffset due, List<JsonObject> active, CancellationToken cancellationToken)
    {
        string policy = (string?)cron.At("spec.concurrencyPolicy") ?? "Allow";
        if (policy == "Forbid" && active.Count > 0) return;
        if (policy == "Replace")
            foreach (JsonObject job in active) await api.DeleteAsync(ResourceTypes.Jobs, job, cancellationToken);
        JsonObject metadata = cron.At("spec.jobTemplate.metadata").Copy();
        // As upstream: the minute in the name makes a second start of the same time fail.
        metadata["name"] = $"{cron.Name()}-{(due.ToUnixTimeSeconds() / 60).ToString(CultureInfo.InvariantCulture)}";
        metadata["namespace"] = cron.Namespace();
        metadata["ownerReferences"] = Documents.OwnedBy(cron);
        try
        {
            await api.CreateAsync(ResourceTypes.Jobs, new JsonObject
            {
                ["apiVersion"] = "batch/v1",
                ["kind"] = "Job",
                ["metadata"] = metadata,
                ["spec"] = cron.At("spec.jobTemplate.spec").Copy(),
            }, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            // Started already, before its time was written into the status.
        }
    }

    private async Task ForgetAsync(IReadOnlyList<JsonObject> jobs, string end, int limit, CancellationToken cancellationToken)
    {
        foreach (JsonObject job in jobs.Where(j => Finished(j) == end).SkipLast(limit)) await api.DeleteAsync(ResourceTypes.Jobs, job, cancellationToken);
    }

    private static string? Finished(JsonObject job) => job.Items("status.conditions")
        .Where(c => (string?)c["status"] == "True" && (string?)c["type"] is "Complete" or "Failed").Select(c => (string?)c["type"]).FirstOrDefault();
}
