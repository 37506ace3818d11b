using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;

namespace AiModels.LocalCluster.Host.Strategies;

/// <summary>stringData is written as data and never stored; data must be base64.</summary>
internal sealed class SecretStrategy : IResourceStrategy
{
    public void Prepare(JsonObject current, JsonObject? previous)
    {
        if (current["stringData"] is not JsonObject plain) return;
        current.Remove("stringData");
        if (current["data"] is not JsonObject data) current["data"] = data = [];
        foreach ((string key, JsonNode? value) in plain) data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes((string?)value ?? ""));
    }

    public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
    {
        foreach ((string key, JsonNode? value) in current["data"] as JsonObject ?? [])
            if (!System.Buffers.Text.Base64.IsValid((string?)value ?? "")) yield return FieldError.Invalid($"data[{key}]", "<secret>", "must be base64-encoded");
        if (previous != null && (string?)previous["type"] != (string?)current["type"])
            yield return FieldError.Invalid("type", (string?)current["type"] ?? "", "field is immutable");
    }
}
