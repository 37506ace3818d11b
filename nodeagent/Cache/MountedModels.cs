using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AiModels.Hosting.Mounts;

namespace AiModels.NodeAgent.Cache;

/// <summary>
/// Reads the mount table. It sees the Pods' mounts when the agent has kubelet's folder mounted with HostToContainer propagation; without that, leases alone protect.
/// </summary>
internal sealed partial class MountedModels(CacheFolder folder, string table = MountTable.DefaultPath) : IMountedModels
{
    public IReadOnlyList<MountedModel> Find()
    {
        var mounts = MountTable.Read(table);
        (string device, string root) = mounts.PlaceOf(folder.Models);
        string prefix = root + "/";
        return [.. mounts.Entries
            .Where(mount => mount.Device == device && mount.Root.StartsWith(prefix, StringComparison.Ordinal))
            .Select(mount => Describe(mount.Root[prefix.Length..].Split('/')[0], mount.MountPoint))
            .OfType<MountedModel>()];
    }

    private static MountedModel? Describe(string name, string target)
    {
        if (Hex().Match(name) is not { Success: true } hex)
        {
            return null;
        }

        Match pod = KubeletPath().Match(target);
        return new MountedModel(name, "sha256:" + hex.Value, target, pod.Success ? pod.Groups["uid"].Value : null, VolumeIdOf(target));
    }

    /// <summary>kubelet writes vol_data.json beside a CSI volume's mount, before it calls the driver.</summary>
    private static string? VolumeIdOf(string target)
    {
        string file = Path.Combine(Path.GetDirectoryName(target) ?? "/", "vol_data.json");
        try
        {
            return (string?)JsonNode.Parse(File.ReadAllBytes(file))?["volumeHandle"];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return null; // not kubelet's, or being removed: the mount protects the model all the same
        }
    }

    [GeneratedRegex(@"[0-9a-f]{64}\z")] // a folder set aside has words before its digest
    private static partial Regex Hex();

    [GeneratedRegex(@"/pods/(?<uid>[A-Za-z0-9-]+)/volumes/kubernetes\.io~csi/[^/]+/mount\z")]
    private static partial Regex KubeletPath();
}
