using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Node;

/// <summary>What this node keeps of a Pod while it is here.</summary>
internal sealed class RunningPod(string uid)
{
    public string Uid { get; } = uid;

    /// <summary>Inline CSI volumes that were published: volume name to target.</summary>
    public Dictionary<string, string> CsiVolumes { get; } = [];

    /// <summary>Containers that really run.</summary>
    public Dictionary<string, ContainerProcess> Processes { get; } = [];

    public bool IsPublished { get; set; }
    public DateTimeOffset StartedAt { get; set; }

    /// <summary>The spec that was published, for messages and for tearing down after the object is gone.</summary>
    public JsonObject Pod { get; set; } = [];
}
