using System.Text;
using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Node;

/// <summary>Environment variables of a container: envFrom, then env with its references and $(NAME) expansion.</summary>
internal sealed class ContainerEnvironment(KeyedData data)
{
    public async Task<Dictionary<string, string>> ResolveAsync(JsonObject pod, JsonObject container, CancellationToken cancellationToken)
    {
        var variables = new Dictionary<string, string>();
        foreach (JsonObject source in container.Items("envFrom"))
        {
            (ResourceType type, JsonNode? reference) = source["secretRef"] is { } secret ? (ResourceTypes.Secrets, secret) : (ResourceTypes.ConfigMaps, source["configMapRef"]);
            var all = await data.ReadAsync(type, pod.Namespace(), (string?)reference?["name"] ?? "", (bool?)reference?["optional"] == true, cancellationToken);
            foreach ((string key, byte[] value) in all ?? new Dictionary<string, byte[]>()) variables[(string?)source["prefix"] + key] = Encoding.UTF8.GetString(value);
        }

        foreach (JsonObject variable in container.Items("env"))
            if (await ValueAsync(pod, variable, variables, cancellationToken) is { } value) variables[(string?)variable["name"] ?? ""] = value;
        return variables;
    }

    /// <summary>Replaces $(NAME) by the variable; $$ is a dollar sign; an unknown name stays as it is.</summary>
    public static string Expand(string text, IReadOnlyDictionary<string, string> variables)
    {
        var result = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            int end = text[i] == '$' && i + 1 < text.Length && text[i + 1] == '(' ? text.IndexOf(')', i) : -1;
            if (text[i] == '$' && i + 1 < text.Length && text[i + 1] == '$')
            {
                result.Append('$');
                i++;
            }
            else if (end > 0 && variables.TryGetValue(text[(i + 2)..end], out string? value))
            {
                result.Append(value);
                i = end;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }

    private async Task<string?> ValueAsync(JsonObject pod, JsonObject variable, Dictionary<string, string> variables, CancellationToken cancellationToken)
    {
        if (variable["valueFrom"] is not { } from) return Expand((string?)variable["value"] ?? "", variables);
        if (from["secretKeyRef"] is { } secret) return await data.ReadKeyAsync(ResourceTypes.Secrets, pod.Namespace(), secret, cancellationToken);
        if (from["configMapKeyRef"] is { } configMap) return await data.ReadKeyAsync(ResourceTypes.ConfigMaps, pod.Namespace(), configMap, cancellationToken);
        return from["fieldRef"] is { } field ? PodFields.Read(pod, (string?)field["fieldPath"] ?? "") : null;
    }
}
