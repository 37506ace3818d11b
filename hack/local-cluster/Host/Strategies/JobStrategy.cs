using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;
using AiModels.LocalCluster.Host.Kinds;

namespace AiModels.LocalCluster.Host.Strategies;

/// <summary>A Job finds its Pods by its name, and its Pods must be able to end.</summary>
internal sealed class JobStrategy : IResourceStrategy
{
    public void Prepare(JsonObject current, JsonObject? previous)
    {
        if (previous != null || current["spec"] is not JsonObject spec || spec["selector"] != null) return;
        spec["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["batch.kubernetes.io/job-name"] = current["metadata"]?["name"]?.DeepClone() } };
    }

    public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
    {
        string policy = (string?)Column.At(current, "spec.template.spec.restartPolicy") ?? "";
        if (policy is not ("Never" or "OnFailure")) yield return FieldError.NotSupported("spec.template.spec.restartPolicy", policy, ["OnFailure", "Never"]);
    }
}
