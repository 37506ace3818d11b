namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>What keeps the nodes' caches from having storage, for the gates that wait for them.</summary>
/// <param name="isKnown">False where a provisioner has to look first.</param>
internal sealed class NodeCacheReadiness(bool isKnown = true)
{
    private volatile Knowledge? _knowledge = isKnown ? new Knowledge(null) : null;

    /// <summary>Whether anybody has looked. Before that, no problem means nothing.</summary>
    public bool IsKnown => _knowledge is not null;

    /// <summary>Null when nothing does. Setting it makes it known.</summary>
    public string? Problem
    {
        get => _knowledge?.Problem;
        set => _knowledge = new Knowledge(value);
    }

    private sealed record Knowledge(string? Problem);
}
