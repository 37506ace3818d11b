using System.Text;
using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster.Node;

/// <summary>Makes the content of a Pod's volumes ready on this node and says where it is.</summary>
internal sealed class VolumeSources(IKubernetesClient client, KeyedData data, CsiVolumes csi, ClusterPaths paths)
{
    /// <summary>Folder of a volume's content. <see cref="NotReadyException"/> when it has to wait.</summary>
    public async Task<string> PrepareAsync(JsonObject pod, JsonObject volume, CancellationToken cancellationToken)
    {
        string name = (string?)volume["name"] ?? "", own = paths.PodVolume(pod.Uid(), name);
        if (volume["persistentVolumeClaim"] is { } claim) return await ClaimAsync(pod, (string?)claim["claimName"] ?? "", cancellationToken);
        if (volume["hostPath"] is { } host) return HostPath((string?)host["path"] ?? "", (string?)host["type"] ?? "");
        if (volume["csi"] is JsonObject inline) return await csi.PublishAsync(pod, name, inline, own, cancellationToken);
        Directory.CreateDirectory(own);
        if (volume["secret"] is { } secret)
            await WriteAsync(own, ResourceTypes.Secrets, pod, (string?)secret["secretName"], secret, cancellationToken);
        else if (volume["configMap"] is { } configMap)
            await WriteAsync(own, ResourceTypes.ConfigMaps, pod, (string?)configMap["name"], configMap, cancellationToken);
        else if (volume["downwardAPI"] is { } downward)
            WriteFields(own, pod, downward);
        else if (volume["projected"] is { } projected)
            foreach (JsonObject source in projected.Items("sources")) await ProjectAsync(own, pod, source, cancellationToken);
        else if (volume["emptyDir"] == null)
            throw new NotReadyException("FailedMount", $"volume \"{name}\" is of a kind that this node does not have");
        return own;
    }

    private async Task ProjectAsync(string folder, JsonObject pod, JsonObject source, CancellationToken cancellationToken)
    {
        if (source["secret"] is { } secret) await WriteAsync(folder, ResourceTypes.Secrets, pod, (string?)secret["name"], secret, cancellationToken);
        if (source["configMap"] is { } configMap) await WriteAsync(folder, ResourceTypes.ConfigMaps, pod, (string?)configMap["name"], configMap, cancellationToken);
        if (source["downwardAPI"] is { } downward) WriteFields(folder, pod, downward);
    }

    private async Task WriteAsync(string folder, ResourceType type, JsonObject pod, string? name, JsonNode source, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, byte[]>? content = await data.ReadAsync(type, pod.Namespace(), name ?? "", (bool?)source["optional"] == true, cancellationToken);
        if (content == null) return;
        JsonObject[] items = [.. source.Items("items")];
        if (items.Length == 0)
        {
            foreach ((string key, byte[] value) in content) WriteFile(folder, key, value);
            return;
        }

        foreach (JsonObject item in items)
        {
            string key = (string?)item["key"] ?? "";
            if (content.TryGetValue(key, out byte[]? value)) WriteFile(folder, (string?)item["path"] ?? key, value);
            else if ((bool?)source["optional"] != true) throw new NotReadyException("FailedMount", $"references non-existent key \"{key}\" of {type.Kind} \"{name}\"");
        }
    }

    private static void WriteFields(string folder, JsonObject pod, JsonNode source)
    {
        foreach (JsonObject item in source.Items("items"))
            WriteFile(folder, (string?)item["path"] ?? "", Encoding.UTF8.GetBytes(PodFields.Read(pod, (string?)item.At("fieldRef.fieldPath") ?? "")));
    }

    private static void WriteFile(string folder, string path, byte[] content)
    {
        string file = Below(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
    }

    private async Task<string> ClaimAsync(JsonObject pod, string name, CancellationToken cancellationToken)
    {
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, pod.Namespace(), name, cancellationToken);
        if (claim == null) throw new NotReadyException("FailedScheduling", $"persistentvolumeclaim \"{name}\" not found");
        if (claim.Phase() != "Bound") throw new NotReadyException("FailedScheduling", $"persistentvolumeclaim \"{name}\" is not bound");
        JsonObject? volume = await client.GetAsync(ResourceTypes.PersistentVolumes, null, (string?)claim.At("spec.volumeName") ?? "", cancellationToken);
        string folder = (string?)volume.At("spec.hostPath.path") ?? throw new NotReadyException("FailedMount", $"the volume of persistentvolumeclaim \"{name}\" has no folder on this node");
        Directory.CreateDirectory(folder);
        return folder;
    }

    private static string HostPath(string path, string type)
    {
        if (type is "DirectoryOrCreate") Directory.CreateDirectory(path);
        if (type is "FileOrCreate" && !File.Exists(path)) File.Create(path).Dispose();
        return Path.Exists(path) ? path : throw new NotReadyException("FailedMount", $"hostPath {path} does not exist");
    }

    /// <summary>A path inside a folder; leaving it by .. is refused.</summary>
    public static string Below(string folder, string path)
    {
        string full = Path.GetFullPath(Path.Combine(folder, path.TrimStart('/')));
        return full == folder || full.StartsWith(folder + "/", StringComparison.Ordinal)
            ? full
            : throw new NotReadyException("FailedMount", $"path \"{path}\" leaves its volume");
    }
}
