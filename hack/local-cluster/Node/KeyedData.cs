using System.Text;
using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Node;

/// <summary>Reads Secrets and ConfigMaps as Pods refer to them.</summary>
internal sealed class KeyedData(IKubernetesClient client)
{
    /// <summary>All keys; null when the object is missing and the reference optional.</summary>
    public async Task<IReadOnlyDictionary<string, byte[]>?> ReadAsync(ResourceType type, string ns, string name, bool isOptional, CancellationToken cancellationToken)
    {
        JsonObject? obj = await client.GetAsync(type, ns, name, cancellationToken);
        if (obj == null)
            return isOptional ? null : throw new NotReadyException("FailedMount", $"{type.Kind.ToLowerInvariant()} \"{name}\" not found");
        var data = new Dictionary<string, byte[]>();
        bool secret = type == ResourceTypes.Secrets;
        foreach ((string key, JsonNode? value) in obj["data"] as JsonObject ?? [])
            data[key] = secret ? Convert.FromBase64String((string?)value ?? "") : Encoding.UTF8.GetBytes((string?)value ?? "");
        foreach ((string key, JsonNode? value) in obj["binaryData"] as JsonObject ?? []) data[key] = Convert.FromBase64String((string?)value ?? "");
        return data;
    }

    /// <summary>One key; null when it is missing and the reference optional.</summary>
    public async Task<string?> ReadKeyAsync(ResourceType type, string ns, JsonNode reference, CancellationToken cancellationToken)
    {
        bool optional = (bool?)reference["optional"] == true;
        string name = (string?)reference["name"] ?? "", key = (string?)reference["key"] ?? "";
        IReadOnlyDictionary<string, byte[]>? data = await ReadAsync(type, ns, name, optional, cancellationToken);
        if (data != null && data.TryGetValue(key, out byte[]? value)) return Encoding.UTF8.GetString(value);
        return optional ? null : throw new NotReadyException("CreateContainerConfigError", $"couldn't find key {key} in {type.Kind} {ns}/{name}");
    }
}
