using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Owners that are listed twice are kept once, and told of (k8s.io/apiserver/pkg/endpoints/handlers/rest.go; contract B4).</summary>
internal static class OwnerReferences
{
    /// <summary>Removes references that repeat an earlier one in every field. Says so in a sentence for a Warning header.</summary>
    public static IEnumerable<string> Deduplicate(JsonObject metadata)
    {
        if (metadata["ownerReferences"] is not JsonArray { Count: > 1 } owners)
        {
            return [];
        }

        List<JsonNode?> kept = [];
        List<string> repeated = [];
        foreach (JsonNode? owner in owners.ToArray())
        {
            if (kept.Any(other => JsonKinds.Same(other, owner)))
            {
                owners.Remove(owner);
                repeated.Add(owner?["uid"]?.ToString() ?? "");
            }
            else
            {
                kept.Add(owner);
            }
        }

        return repeated.Count == 0 ? [] :
        [
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; "
            + "please fix your requests; duplicate UID(s) observed: " + string.Join(", ", repeated),
        ];
    }
}
