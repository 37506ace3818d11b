using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Registry;

/// <summary>Brings a model's files to a folder, and knows what they must be.</summary>
internal interface IModelSource
{
    /// <summary>
    /// Returns the files when the folder is complete and verified. Goes on with what an earlier, interrupted call left; takes from <paramref name="local"/> what is on
    /// this disk already.
    /// </summary>
    Task<IReadOnlyList<CachedFile>> FetchAsync(
        AuthorizedModel model, string target, ILocalFiles local, MaterializationProgress progress, CancellationToken cancellationToken);

    /// <summary>
    /// Compares a complete model's bytes on the disk with the artifact's digests, at most <paramref name="bytesPerSecond"/>. Returns what is wrong, or null.
    /// Throws what <see cref="FetchAsync"/> throws when it cannot be told.
    /// </summary>
    Task<string?> VerifyAsync(AuthorizedModel model, string folder, long bytesPerSecond, CancellationToken cancellationToken);
}
