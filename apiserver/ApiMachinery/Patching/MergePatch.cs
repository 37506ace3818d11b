using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Patching;

/// <summary>JSON merge patch (RFC 7386): objects are merged, null removes, everything else replaces.</summary>
public static class MergePatch
{
    /// <summary>The patched object. Neither argument is changed.</summary>
    public static JsonObject Apply(JsonObject target, JsonObject patch)
    {
        var result = (JsonObject)target.DeepClone();
        MergeInto(result, patch);
        return result;
    }

    private static void MergeInto(JsonObject target, JsonObject patch)
    {
        foreach ((string key, JsonNode? value) in patch)
        {
            if (value is null)
            {
                target.Remove(key);
            }
            else if (value is not JsonObject nested)
            {
                target[key] = value.DeepClone();
            }
            else if (target[key] is JsonObject existing)
            {
                MergeInto(existing, nested);
            }
            else
            {
                // A new object goes through the merge as well, so that the nulls inside it are left out.
                var created = new JsonObject();
                MergeInto(created, nested);
                target[key] = created;
            }
        }
    }
}
