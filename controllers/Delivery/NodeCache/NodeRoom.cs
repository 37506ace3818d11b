using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers.Delivery.NodeCache;

/// <summary>What bringing some models to a node would take: bytes that are missing there, and what the cache would evict for them (requirement D7). Pure.</summary>
/// <param name="MissingBytes">Bytes still to be fetched.</param>
/// <param name="ShortBytes">Bytes for which there is no room even after all evictions; 0 when the models fit.</param>
/// <param name="Evicts">Names of what would go, least recently used first.</param>
internal sealed record NodeRoom(string Node, long MissingBytes, long ShortBytes, IReadOnlyList<string> Evicts)
{
    public bool Fits => ShortBytes == 0;

    /// <param name="wanted">Digest to logical bytes.</param>
    public static NodeRoom For(NodeCacheFact node, IReadOnlyDictionary<string, long> wanted)
    {
        long missing = wanted.Sum(artifact => Math.Max(0, artifact.Value - node.PresentBytes(artifact.Key)));

        // What the cache has begun with is promised its whole size, and is in UsedBytes with that.
        var promised = node.Artifacts.Select(artifact => artifact.Digest).ToHashSet();
        long needed = wanted.Where(artifact => !promised.Contains(artifact.Key)).Sum(artifact => artifact.Value);
        long free = needed == 0 ? 0 : (node.Status?.CapacityBytes ?? 0) - (node.Status?.UsedBytes ?? 0);
        var evicts = new List<string>();
        IEnumerable<NodeArtifact> candidates = node.Artifacts
            .Where(artifact => artifact.Mounts == 0 && artifact.Pinned != true && artifact.State != "Downloading" && !wanted.ContainsKey(artifact.Digest))
            .OrderBy(artifact => artifact.LastUsed ?? DateTimeOffset.MinValue);
        foreach (NodeArtifact artifact in candidates.TakeWhile(_ => free < needed))
        {
            free += artifact.SizeBytes;
            evicts.Add(artifact.Models is [var model, ..] ? model : artifact.Digest);
        }

        return new NodeRoom(node.Node, missing, Math.Max(0, needed - free), evicts);
    }

    public string InWords() => MissingBytes == 0 ? $"node {Node} has all of it"
        : !Fits ? $"node {Node} needs {ByteSize.Approximate(MissingBytes)} more and lacks room for {ByteSize.Approximate(ShortBytes)}: the rest of its cache is mounted, pinned or being fetched"
        : Evicts.Count == 0 ? $"node {Node} needs {ByteSize.Approximate(MissingBytes)} more"
        : $"node {Node} needs {ByteSize.Approximate(MissingBytes)} more and would evict {string.Join(", ", Evicts)}";
}
