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

    /// <summary>How many parts, of whatever models, their source has lost; asked in the name of one of them.</summary>
    Task<long> CountLostAsync(AuthorizedModel model, CancellationToken cancellationToken);

    /// <summary>
    /// Gives its source back what it has lost of a model that is complete on the disk, once the model's conditions tell that it is lost. Throws <see cref="IOException"/> when the folder is gone or cannot be read.
    /// </summary>
    Task<ReturnedContent> GiveBackAsync(AuthorizedModel model, string folder, CancellationToken cancellationToken);
}

/// <summary>What a source has got back.</summary>
/// <param name="Parts">How many of the lost parts it has again.</param>
/// <param name="Problem">Why others could not be given; null when there were none.</param>
internal sealed record ReturnedContent(int Parts, string? Problem = null);
