using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>A kind of workload that models are delivered to, and where its Pod template is (requirement D1).</summary>
internal sealed class WorkloadKind
{
    private readonly string[] _templatePath;

    private WorkloadKind(ResourceType type, params string[] templatePath)
    {
        Type = type;
        _templatePath = templatePath;
    }

    public static WorkloadKind Deployment { get; } = new(ResourceTypes.Deployments, "spec", "template");
    public static WorkloadKind StatefulSet { get; } = new(ResourceTypes.StatefulSets, "spec", "template");
    public static WorkloadKind DaemonSet { get; } = new(ResourceTypes.DaemonSets, "spec", "template");
    public static WorkloadKind CronJob { get; } = new(ResourceTypes.CronJobs, "spec", "jobTemplate", "spec", "template");

    public static IReadOnlyList<WorkloadKind> All { get; } = [Deployment, StatefulSet, DaemonSet, CronJob];

    public ResourceType Type { get; }

    /// <summary>JSON pointer of the Pod template.</summary>
    public string TemplatePointer => "/" + string.Join('/', _templatePath);

    /// <summary>The Pod template of a workload, or null when it has none.</summary>
    public JsonObject? TemplateOf(JsonObject workload)
    {
        JsonNode? node = workload;
        foreach (string field in _templatePath)
        {
            node = (node as JsonObject)?[field];
        }

        return node as JsonObject;
    }

    /// <summary>A document that holds this template and nothing else at the right place.</summary>
    public void PutTemplate(JsonObject workload, JsonObject template)
    {
        JsonObject parent = workload;
        foreach (string field in _templatePath[..^1])
        {
            parent[field] ??= new JsonObject();
            parent = (JsonObject)parent[field]!;
        }

        parent[_templatePath[^1]] = template;
    }

    public override string ToString() => Type.Kind;
}
