using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>Where the nodes' caches keep their bytes (requirement D5).</summary>
internal sealed record NodeCacheStorageOptions
{
    /// <summary>A folder of the host: the manifests' DaemonSets do all of it, and nothing is made here.</summary>
    public const string HostPath = "HostPath";

    /// <summary>A claim a node, of a StorageClass that is there.</summary>
    public const string StorageClass = "StorageClass";

    /// <summary>A claim a node, of a LocalStorageClass over volume groups that SDS makes of the nodes' free disks.</summary>
    public const string Sds = "SDS";

    public string Kind { get; init; } = HostPath;

    /// <summary>Name for <see cref="StorageClass"/>.</summary>
    public string? ClassName { get; init; }

    /// <summary>Bytes of each node's cache, and so of its claim.</summary>
    public long CacheBytes { get; init; } = 200L << 30;

    /// <summary>For <see cref="Sds"/>: which BlockDevices are taken, a LabelSelector as delivery.nodeCacheBlockDeviceSelector has it.</summary>
    public JsonObject BlockDeviceSelector { get; init; } = [];

    /// <summary>The PodTemplate that a node's Pod is made from.</summary>
    public string PodTemplate { get; init; } = "ai-models-node-cache";

    public string Namespace { get; init; } = Namespaces.Module;
}
