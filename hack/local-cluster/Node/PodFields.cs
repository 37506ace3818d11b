using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Node;

/// <summary>The downward API: fields of the Pod as environment variables and files.</summary>
internal static class PodFields
{
    public static string Read(JsonObject pod, string path)
    {
        if (path.EndsWith("']", StringComparison.Ordinal) && path.IndexOf("['", StringComparison.Ordinal) is > 0 and var bracket)
            return (string?)(pod.At(path[..bracket]) as JsonObject)?[path[(bracket + 2)..^2]] ?? "";
        JsonNode? value = path == "spec.serviceAccountName" ? pod.At(path) ?? "default" : pod.At(path);
        return value is JsonObject map ? string.Join('\n', map.Select(p => $"{p.Key}=\"{p.Value}\"")) : value?.ToString() ?? "";
    }
}
