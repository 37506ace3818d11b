using System.Globalization;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.NodeAgent.Reporting;

/// <summary>The cache's content as NodeModelCache tells it. Pure.</summary>
internal static class CacheReport
{
    // 500 artifacts of 300 bytes: an order below what an object may have.
    private const int MaxArtifacts = 500;

    // Long enough for any error of ours, short for an object that every node writes.
    private const int MaxMessage = 1024;

    public static NodeModelCacheStatus Of(NodeCacheStatus cache) => new()
    {
        CapacityBytes = cache.CapacityBytes,
        UsedBytes = cache.UsedBytes,
        PinnedBytes = cache.PinnedBytes,
        ArtifactCount = cache.Models.Count,
        MountedCount = cache.Models.Count(model => model.Mounts > 0),
        FetchingCount = cache.Models.Count(model => model.State == "Downloading"),
        Artifacts = [.. cache.Models.OrderByDescending(model => model.LastUsed).ThenBy(model => model.Digest, StringComparer.Ordinal).Take(MaxArtifacts).Select(Artifact)],
        LastErrors = [.. cache.LastErrors.Select(error => new NodeCacheFailure { Time = error.Time, Digest = error.Digest, Message = Shortened(error.Message)! })],
    };

    private static NodeArtifact Artifact(CachedModel model) => new()
    {
        Digest = model.Digest,
        Models = model.Models,
        State = model.State,
        SizeBytes = model.BytesExpected,
        PresentBytes = Math.Min(model.BytesDownloaded, model.BytesExpected),
        Progress = Percent(model),
        Mounts = model.Mounts,
        Pinned = model.IsPinned ? true : null,
        LastUsed = model.LastUsed,
        LastError = Shortened(model.LastError),
    };

    /// <summary>100 % is for what is complete: bytes that are there and not yet published are no model.</summary>
    private static string Percent(CachedModel model) => model.State == "Ready"
        ? "100%"
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(99, model.BytesExpected > 0 ? model.BytesDownloaded * 100 / model.BytesExpected : 0)}%");

    private static string? Shortened(string? message) => message is { Length: > MaxMessage } ? message[..MaxMessage] : message;
}
