namespace AiModels.LocalCluster.Node;

/// <summary>A Pod cannot start yet; the node tries again. Reason and message as kubelet's Events have them.</summary>
internal sealed class NotReadyException(string reason, string message) : Exception(message)
{
    public string Reason { get; } = reason;
}
