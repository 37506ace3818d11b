using System.Globalization;
using System.Text.Json.Nodes;

namespace AiModels.Soak;

/// <summary>One change as a watcher sees it.</summary>
/// <param name="Number">Each key counts its creations and updates up from 1, through deletions too: so it can be told that none is missing.</param>
internal sealed record Change(long Revision, string Type, string Name, long Number)
{
    private const string Annotation = "soak/number";

    public static Change Of(string type, JsonObject obj) => new(RevisionOf(obj), type, (string)obj["metadata"]!["name"]!, NumberOf(obj));

    public static long RevisionOf(JsonObject obj) => long.Parse((string)obj["metadata"]!["resourceVersion"]!, CultureInfo.InvariantCulture);

    public static long NumberOf(JsonObject obj) => long.Parse((string)obj["metadata"]!["annotations"]![Annotation]!, CultureInfo.InvariantCulture);

    /// <summary>An object of a kind whose spec may change and that has no finalizer: deleted is gone.</summary>
    public static JsonObject Document(string name, long number, string? resourceVersion)
    {
        var metadata = new JsonObject { ["name"] = name, ["annotations"] = new JsonObject { [Annotation] = $"{number}" } };
        if (resourceVersion is not null)
        {
            metadata["resourceVersion"] = resourceVersion;
        }

        return new JsonObject
        {
            ["apiVersion"] = "ai.deckhouse.io/v1alpha1",
            ["kind"] = "ModelCatalogSource",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["url"] = "https://models.example.com/catalog", ["credentialsSecretName"] = "token" },
        };
    }

    public static JsonObject Patch(long number, string resourceVersion) => new()
    {
        ["metadata"] = new JsonObject { ["resourceVersion"] = resourceVersion, ["annotations"] = new JsonObject { [Annotation] = $"{number}" } },
    };
}
