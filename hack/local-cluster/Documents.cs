using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.LocalCluster.Host.Kinds;

namespace AiModels.LocalCluster;

/// <summary>Reading Kubernetes documents.</summary>
internal static class Documents
{
    // As in upstream's generated names: no vowels, so that no word comes out, and nothing that looks alike.
    private const string SafeCharacters = "bcdfghjklmnpqrstvwxz2456789";

    public static string Name(this JsonNode obj) => (string?)obj["metadata"]?["name"] ?? "";

    public static string Namespace(this JsonNode obj) => (string?)obj["metadata"]?["namespace"] ?? "";

    public static string Uid(this JsonNode obj) => (string?)obj["metadata"]?["uid"] ?? "";

    public static bool IsDeleting(this JsonNode obj) => obj["metadata"]?["deletionTimestamp"] != null;

    public static string? Label(this JsonNode obj, string name) => (string?)obj["metadata"]?["labels"]?[name];

    /// <summary>Whether a node has all labels of a nodeSelector; no selector accepts every node.</summary>
    public static bool IsAcceptedBy(this JsonObject node, JsonNode? nodeSelector) => (nodeSelector as JsonObject ?? []).All(label => node.Label(label.Key) == (string?)label.Value);

    public static JsonNode? At(this JsonNode? obj, string path) => Column.At(obj, path);

    public static int Int(this JsonNode? obj, string path, int missing = 0) => Column.Int(obj, path, missing);

    public static IEnumerable<JsonObject> Items(this JsonNode? obj, string path) => (Column.At(obj, path) as JsonArray ?? []).OfType<JsonObject>();

    public static IEnumerable<string> Finalizers(this JsonNode obj) => (obj["metadata"]?["finalizers"] as JsonArray ?? []).Select(f => (string?)f ?? "");

    public static DateTimeOffset? Time(this JsonNode? obj, string path) =>
        DateTimeOffset.TryParse((string?)Column.At(obj, path), System.Globalization.CultureInfo.InvariantCulture, out DateTimeOffset time) ? time : null;

    /// <summary>metav1.Time.</summary>
    public static string Timestamp(this TimeProvider time) => Timestamp(time.GetUtcNow());

    public static string Timestamp(DateTimeOffset time) => time.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);

    public static bool IsOwnedBy(this JsonNode obj, string uid) =>
        obj.Items("metadata.ownerReferences").Any(o => (string?)o["uid"] == uid && (bool?)o["controller"] == true);

    /// <summary>An owner reference of the managing controller.</summary>
    public static JsonArray OwnedBy(JsonObject owner) => new(new JsonObject
    {
        ["apiVersion"] = (string?)owner["apiVersion"],
        ["kind"] = (string?)owner["kind"],
        ["name"] = owner.Name(),
        ["uid"] = owner.Uid(),
        ["controller"] = true,
        ["blockOwnerDeletion"] = true,
    });

    /// <summary>Ten characters that change when the document does; the order of object fields does not matter.</summary>
    public static string Hash(JsonNode? document)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(Sorted(document)?.ToJsonString() ?? ""));
        return string.Concat(hash.Take(10).Select(b => SafeCharacters[b % SafeCharacters.Length]));
    }

    public static bool IsPodReady(this JsonNode pod) =>
        !pod.IsDeleting() && pod.Items("status.conditions").Any(c => (string?)c["type"] == "Ready" && (string?)c["status"] == "True");

    public static string Phase(this JsonNode obj) => (string?)obj.At("status.phase") ?? "";

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    /// <summary>Whether two documents say the same.</summary>
    public static bool Same(JsonNode? a, JsonNode? b) => JsonNode.DeepEquals(a, b);

    /// <summary>A copy that may be changed.</summary>
    public static JsonObject Copy(this JsonNode? node) => node?.DeepClone().AsObject() ?? [];

    public static string Compact(this JsonNode node) => node.ToJsonString(new JsonSerializerOptions { WriteIndented = false });
}
