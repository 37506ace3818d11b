using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>Which models of a claim a Pod reads, or Pods of a template would, from its mounts and not from what it says of itself. Pure.</summary>
internal static class ClaimReaders
{
    /// <summary>Whether it has the claim among its volumes.</summary>
    public static bool Mounts(JsonObject pod, string claim) => Volumes(pod, claim).Count > 0;

    public static bool Reads(JsonObject pod, string claim, string digest)
    {
        HashSet<string?> volumes = Volumes(pod, claim);
        return volumes.Count > 0 && Containers(pod).SelectMany(container => container?["volumeMounts"] as JsonArray ?? [])
            .Where(mount => volumes.Contains((string?)mount?["name"]))
            .Any(mount => IsOf(mount!, digest[(digest.IndexOf(':') + 1)..]));
    }

    private static HashSet<string?> Volumes(JsonObject pod, string claim) => (string?)pod["status"]?["phase"] is "Succeeded" or "Failed" ? [] :
        [.. (pod["spec"]?["volumes"] as JsonArray ?? []).Where(volume => (string?)volume?["persistentVolumeClaim"]?["claimName"] == claim).Select(volume => (string?)volume!["name"])];

    /// <summary>A mount of the model's folder, or of something that it is in.</summary>
    private static bool IsOf(JsonNode mount, string folder)
    {
        if (!string.IsNullOrEmpty((string?)mount["subPathExpr"]))
        {
            return true;
        }

        string path = ((string?)mount["subPath"] ?? "").Trim('/');
        return path.Length == 0 || path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);
    }

    private static IEnumerable<JsonNode?> Containers(JsonObject pod) =>
        new[] { "initContainers", "containers", "ephemeralContainers" }.SelectMany(field => pod["spec"]?[field] as JsonArray ?? []);
}
