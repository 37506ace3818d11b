using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>Which models of a claim a Pod reads, from its mounts and not from what it says of itself. Pure.</summary>
internal static class ClaimReaders
{
    public static bool Reads(JsonObject pod, string claim, string digest)
    {
        if ((string?)pod["status"]?["phase"] is "Succeeded" or "Failed")
        {
            return false;
        }

        var volumes = (pod["spec"]?["volumes"] as JsonArray ?? [])
            .Where(volume => (string?)volume?["persistentVolumeClaim"]?["claimName"] == claim)
            .Select(volume => (string?)volume!["name"]).ToHashSet();
        return volumes.Count > 0 && Containers(pod).SelectMany(container => container?["volumeMounts"] as JsonArray ?? [])
            .Where(mount => volumes.Contains((string?)mount?["name"]))
            .Any(mount => IsOf(mount!, digest[(digest.IndexOf(':') + 1)..]));
    }

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
