using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Validation;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources;

/// <summary>What Model and ClusterModel have in common beyond the schema (requirements A1, A2).</summary>
internal static class ModelSourceRules
{
    private static readonly string[] Kinds = ["url", "upload", "catalog"];

    /// <summary>Exactly one source, authSecretRef where it means something, and a spec that stays as it is.</summary>
    public static IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
    {
        // An immutable spec was valid when it was made; telling more about the new one would only distract.
        if (previous is not null)
        {
            return Immutable(current["spec"], previous["spec"]);
        }

        return (current["spec"] as JsonObject)?["source"] is JsonObject source ? [.. ExactlyOne(source), .. AuthSecret(source)] : [];
    }

    /// <summary>HuggingFace, Ollama, Upload or Catalog as far as the spec tells; null for an invalid one.</summary>
    public static string? TypeOf(JsonObject? source) =>
        source?["upload"] is not null ? SourceTypes.Upload
        : source?["catalog"] is not null ? SourceTypes.Catalog
        : source?["url"] is JsonValue url ? IsHuggingFace(url.ToString()) ? SourceTypes.HuggingFace : SourceTypes.Ollama
        : null;

    private static IEnumerable<FieldError> Immutable(JsonNode? current, JsonNode? previous)
    {
        if (!JsonNode.DeepEquals(current, previous))
        {
            yield return FieldError.InvalidRaw("spec", current?.ToJsonString() ?? "null", "field is immutable");
        }
    }

    private static IEnumerable<FieldError> ExactlyOne(JsonObject source)
    {
        string[] set = [.. Kinds.Where(kind => source[kind] is not null)];
        if (set.Length == 0)
        {
            yield return FieldError.Required("spec.source", "exactly one of url, upload and catalog must be set");
        }

        foreach (string kind in set.Length > 1 ? set : [])
        {
            string others = string.Join(" and ", set.Where(other => other != kind));
            yield return FieldError.Forbidden($"spec.source.{kind}", $"exactly one of url, upload and catalog may be set, and {others} is set too");
        }
    }

    private static IEnumerable<FieldError> AuthSecret(JsonObject source)
    {
        bool isAllowed = source["url"] is JsonValue url && IsHuggingFace(url.ToString());
        if (source["authSecretRef"] is not null && !isAllowed)
        {
            yield return FieldError.Forbidden("spec.source.authSecretRef", "may only be set together with a Hugging Face url");
        }
    }

    private static bool IsHuggingFace(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) && parsed.Host is ("huggingface.co" or "www.huggingface.co" or "hf.co");
}
