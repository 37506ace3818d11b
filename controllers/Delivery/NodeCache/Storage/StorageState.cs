namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>How far the storage behind the nodes' caches is.</summary>
/// <param name="ClassName">The StorageClass for claims; null while there is none.</param>
/// <param name="Nodes">The nodes that have room of it; null when that is the class's own business.</param>
/// <param name="Problem">What is missing, in words a person can act on; null when nothing is.</param>
internal sealed record StorageState(string? ClassName, IReadOnlySet<string>? Nodes, string? Problem)
{
    public static StorageState Missing(string problem) => new(null, null, problem);

    public bool IsFor(string node) => ClassName is not null && Nodes?.Contains(node) != false;
}
