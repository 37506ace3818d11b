using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;

namespace AiModels.Controllers.Tests.Delivery;

/// <summary>No node has reported.</summary>
internal sealed class NoCaches : INodeCaches
{
    public static WarmNodes WarmNodes { get; } = new(new NoCaches(), new DeliveryOptions());

    public IReadOnlyList<NodeCacheFact> All => [];
}
