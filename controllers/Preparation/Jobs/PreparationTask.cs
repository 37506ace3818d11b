using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>
/// What a Job is told, as the keys of its Secret and as the files that the Secret is mounted as: the model, a grant for the model's repository alone, and the
/// source's token if it has one. The Job can reach no other repository and no other Secret.
/// </summary>
internal static class PreparationTask
{
    public const string ModelKey = "model.json";
    public const string GrantKey = "grant";
    public const string SourceTokenKey = "source-token";
    public const string RegistryCaKey = "registry-ca.crt";
    public const string SourceCaKey = "source-ca.crt";

    /// <summary>Reads the model from the mounted Secret.</summary>
    public static async Task<ModelObject> ReadModelAsync(string folder, CancellationToken cancellationToken)
    {
        string text = await File.ReadAllTextAsync(Path.Combine(folder, ModelKey), cancellationToken);
        var document = (JsonObject)JsonNode.Parse(text)!;
        return ModelObject.Of((string?)document["kind"] == GroupVersion.ModelKind ? ResourceTypes.Models : ResourceTypes.ClusterModels, document);
    }

    /// <summary>The model without what others keep in its metadata: names, spec, and the frozen source.</summary>
    public static string Describe(ModelObject model)
    {
        var document = new JsonObject
        {
            ["apiVersion"] = GroupVersion.ApiVersion,
            ["kind"] = model.Key.Kind,
            ["metadata"] = new JsonObject { ["name"] = model.Key.Name.Name, ["namespace"] = model.Key.Name.Namespace, ["uid"] = model.Uid },
            ["spec"] = model.Document["spec"]!.DeepClone(),
            ["status"] = new JsonObject { ["source"] = model.Document["status"]?["source"]?.DeepClone() },
        };
        return document.ToJsonString();
    }

    public static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
