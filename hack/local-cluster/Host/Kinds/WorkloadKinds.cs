using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Tables;
using AiModels.LocalCluster.Host.Strategies;
using static AiModels.LocalCluster.Host.Kinds.Shape;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>apps/v1 and batch/v1.</summary>
internal static class WorkloadKinds
{
    private static readonly Schema Replicas = Number32.WithDefault(1);

    private static readonly Schema CountStatus = Object(
        ("observedGeneration", Number), ("replicas", Number32), ("readyReplicas", Number32), ("updatedReplicas", Number32), ("availableReplicas", Number32),
        ("unavailableReplicas", Number32), ("conditions", Conditions));

    private static readonly Schema JobSpec = Object(
        ("parallelism", Number32.WithDefault(1)), ("completions", Number32.WithDefault(1)), ("backoffLimit", Number32.WithDefault(6)),
        ("activeDeadlineSeconds", Number), ("ttlSecondsAfterFinished", Number32), ("suspend", Flag), ("selector", LabelSelector), ("template", PodShape.Template));

    public static IReadOnlyList<ResourceDefinition> All { get; } =
    [
        Define.Namespaced("apps", "v1", "Deployment", "deployments",
            Kind("Deployment enables declarative updates for Pods and ReplicaSets.",
                ("spec", Object(
                    ("replicas", Replicas), ("selector", LabelSelector), ("template", PodShape.Template), ("strategy", Object(("type", Text.WithDefault("RollingUpdate")))),
                    ("revisionHistoryLimit", Number32.WithDefault(10)), ("progressDeadlineSeconds", Number32.WithDefault(600)), ("paused", Flag)) with { Required = ["selector", "template"] }),
                ("status", CountStatus)),
            [Column.Of("Ready", "Ready Pods of those wanted.", ReadyOfWanted),
            Column.Integer("Up-to-date", "status.updatedReplicas"),
            Column.Integer("Available", "status.availableReplicas"),
            .. WideTemplate()]) with { ShortNames = ["deploy"], Categories = ["all"] },

        Define.Namespaced("apps", "v1", "ReplicaSet", "replicasets",
            Kind("ReplicaSet ensures that a number of Pod replicas run.",
                ("spec", Object(("replicas", Replicas), ("selector", LabelSelector), ("template", PodShape.Template), ("minReadySeconds", Number32))), ("status", CountStatus)),
            [Column.Integer("Desired", "spec.replicas", 1),
            Column.Integer("Current", "status.replicas"),
            Column.Integer("Ready", "status.readyReplicas"),
            .. WideTemplate()]) with { ShortNames = ["rs"], Categories = ["all"] },

        Define.Namespaced("apps", "v1", "StatefulSet", "statefulsets",
            Kind("StatefulSet represents Pods with consistent identities.",
                ("spec", Object(
                    ("replicas", Replicas), ("selector", LabelSelector), ("template", PodShape.Template), ("serviceName", Text), ("volumeClaimTemplates", List(Free)),
                    ("updateStrategy", Free), ("podManagementPolicy", Text))),
                ("status", CountStatus)),
            [Column.Of("Ready", "Ready Pods of those wanted.", ReadyOfWanted),
            .. WideTemplate(selector: false)]) with { ShortNames = ["sts"], Categories = ["all"] },

        Define.Namespaced("apps", "v1", "DaemonSet", "daemonsets",
            Kind("DaemonSet runs one Pod on every node.",
                ("spec", Object(("selector", LabelSelector), ("template", PodShape.Template), ("updateStrategy", Free))),
                ("status", Object(
                    ("observedGeneration", Number), ("desiredNumberScheduled", Number32), ("currentNumberScheduled", Number32), ("numberReady", Number32),
                    ("updatedNumberScheduled", Number32), ("numberAvailable", Number32), ("conditions", Conditions)))),
            Column.Integer("Desired", "status.desiredNumberScheduled"),
            Column.Integer("Current", "status.currentNumberScheduled"),
            Column.Integer("Ready", "status.numberReady"),
            Column.Integer("Up-to-date", "status.updatedNumberScheduled"),
            Column.Integer("Available", "status.numberAvailable"),
            Column.Of("Node Selector", "Which nodes.", o => Column.Pairs(Column.At(o, "spec.template.spec.nodeSelector")))) with { ShortNames = ["ds"], Categories = ["all"] },

        Define.Namespaced("apps", "v1", "ControllerRevision", "controllerrevisions", Kind("ControllerRevision is a snapshot of state data.", ("data", Free), ("revision", Number))),

        Define.Namespaced("batch", "v1", "Job", "jobs",
            Kind("Job runs Pods to completion.",
                ("spec", JobSpec),
                ("status", Object(
                    ("active", Number32), ("ready", Number32), ("succeeded", Number32), ("failed", Number32), ("startTime", Time), ("completionTime", Time), ("conditions", Conditions)))),
            Column.Of("Status", "Running, Complete or Failed.", JobStatus),
            Column.Of("Completions", "Succeeded Pods of those wanted.", o => $"{Column.Int(o, "status.succeeded")}/{Column.Int(o, "spec.completions", 1)}"),
            new TableColumn("Duration", "string", "How long it ran.", JobDuration)) with { Categories = ["all"], Strategy = new JobStrategy() },

        Define.Namespaced("batch", "v1", "CronJob", "cronjobs",
            Kind("CronJob makes Jobs on a schedule.",
                ("spec", Object(
                    ("schedule", Text), ("timeZone", Text), ("suspend", Flag.WithDefault(false)), ("concurrencyPolicy", Text.WithDefault("Allow")), ("successfulJobsHistoryLimit", Number32.WithDefault(3)),
                    ("failedJobsHistoryLimit", Number32.WithDefault(1)),
                    ("jobTemplate", Object(("metadata", StandardSchemas.ObjectMeta), ("spec", JobSpec))))),
                ("status", Object(("active", List(Free)), ("lastScheduleTime", Time), ("lastSuccessfulTime", Time)))),
            Column.Text("Schedule", "spec.schedule"),
            Column.Text("Timezone", "spec.timeZone"),
            Column.Of("Suspend", "Whether it rests.", o => (bool?)Column.At(o, "spec.suspend") == true ? "True" : "False"),
            Column.Of("Active", "Running Jobs.", o => Column.Count(o, "status.active").ToString(System.Globalization.CultureInfo.InvariantCulture)),
            Column.Since("Last Schedule", "status.lastScheduleTime")) with { ShortNames = ["cj"], Categories = ["all"] },
    ];

    private static string ReadyOfWanted(JsonObject o) => $"{Column.Int(o, "status.readyReplicas")}/{Column.Int(o, "spec.replicas", 1)}";

    private static TableColumn[] WideTemplate(bool selector = true)
    {
        static string Each(JsonObject o, string field) =>
            Column.At(o, "spec.template.spec.containers") is JsonArray { Count: > 0 } containers ? string.Join(',', containers.Select(c => (string?)c?[field])) : "<none>";
        TableColumn[] columns =
        [
            Column.Of("Containers", "Names of the containers.", o => Each(o, "name"), Column.Wide),
            Column.Of("Images", "Images of the containers.", o => Each(o, "image"), Column.Wide),
            Column.Of("Selector", "Which Pods.", o => Column.Pairs(Column.At(o, "spec.selector.matchLabels")), Column.Wide),
        ];
        return selector ? columns : columns[..2];
    }

    private static string JobStatus(JsonObject job)
    {
        foreach (JsonNode? condition in Column.At(job, "status.conditions") as JsonArray ?? [])
            if ((string?)condition?["status"] == "True" && (string?)condition["type"] is "Complete" or "Failed") return (string)condition!["type"]!;
        return (bool?)Column.At(job, "spec.suspend") == true ? "Suspended" : "Running";
    }

    private static JsonNode? JobDuration(JsonObject job, DateTimeOffset now)
    {
        DateTimeOffset? end = ParseTime(Column.At(job, "status.completionTime"));
        return Column.At(job, "status.startTime") is { } start ? HumanDuration.Since(start, end ?? now) : "";
    }

    private static DateTimeOffset? ParseTime(JsonNode? node) =>
        DateTimeOffset.TryParse((string?)node, System.Globalization.CultureInfo.InvariantCulture, out DateTimeOffset time) ? time : null;
}
