using System.Text.Json.Nodes;

namespace AiModels.Controllers.Runtime;

/// <summary>Name of an object within its kind: the key that queues and caches work with. A null namespace means a cluster-scoped object.</summary>
internal readonly record struct NamespacedName(string? Namespace, string Name)
{
    /// <summary>Key of an object as the API returned it.</summary>
    public static NamespacedName Of(JsonObject obj)
    {
        JsonNode metadata = obj["metadata"] ?? throw new FormatException("The object has no metadata.");
        string name = (string?)metadata["name"] ?? throw new FormatException("The object has no metadata.name.");
        return new NamespacedName((string?)metadata["namespace"], name);
    }

    /// <summary>namespace/name, or name alone.</summary>
    public override string ToString() => Namespace is null ? Name : $"{Namespace}/{Name}";
}
