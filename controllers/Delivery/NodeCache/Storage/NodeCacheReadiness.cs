namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>What keeps the nodes' caches from having storage, for the gates that wait for them. Null when nothing does.</summary>
internal sealed class NodeCacheReadiness
{
    private volatile string? _problem;

    public string? Problem
    {
        get => _problem;
        set => _problem = value;
    }
}
