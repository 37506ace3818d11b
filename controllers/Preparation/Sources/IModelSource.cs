using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources;

/// <summary>A kind of place that models come from. To add one: a class and a registration line.</summary>
internal interface IModelSource
{
    /// <summary>One of <see cref="SourceTypes"/>.</summary>
    string Name { get; }

    /// <summary>Whether this is the source's kind. Sources are asked in the order of their registration.</summary>
    bool Handles(ClusterModelSource source);

    /// <summary>
    /// Freezes what the source's name stands for (the revision in <see cref="ModelStatus.Source"/> when there is one already) and lists its files.
    /// On success <see cref="PreparationContext.Content"/> is set.
    /// </summary>
    Task<StageOutcome> ResolveAsync(PreparationContext context, CancellationToken cancellationToken);
}

/// <summary>The frozen content of a source.</summary>
internal interface ISourceContent : IAsyncDisposable
{
    /// <summary>For status.source.</summary>
    ResolvedSource Resolved { get; }

    /// <summary>All files, with checked paths below the model's root.</summary>
    IReadOnlyList<SourceFile> Files { get; }

    /// <summary>A file that the user's URL names, if it names one.</summary>
    string? PreferredFile { get; }

    /// <summary>What the source itself declares of the model, in its own words; null when it declares nothing beside the files.</summary>
    SourceCapabilities? Capabilities => null;

    /// <summary>Endpoint types and features that the source declares or implies exactly, beside what the files say.</summary>
    IReadOnlyList<string> Implied => [];

    /// <summary>How much room storing these files takes in the model's repository. Unless the source knows better: all of their bytes, less what is there already.</summary>
    SourceRoom Room(IReadOnlySet<string> paths) => new(Files.Where(file => paths.Contains(file.Path)).Sum(file => file.Length), IncludesStored: true);

    /// <summary>Parts of the source that are never offered as files, and why: they are told beside the files that were left out.</summary>
    IReadOnlyDictionary<string, string> LeftBehind => new Dictionary<string, string>();

    /// <summary>A file's bytes from an offset on, not verified; null when the source cannot be read in parts, or has no such file.</summary>
    Stream? OpenRange(string path, long offset) => null;

    /// <summary>What the source said to people while it was asked, few and short: an Event tells each.</summary>
    IReadOnlyList<string> Notices => [];

    /// <summary>Looks into files. Throws <see cref="InvalidModelFileException"/> and what reading the source throws.</summary>
    Task<IReadOnlyList<ModelFile>> InspectAsync(IReadOnlySet<string> paths, CancellationToken cancellationToken);

    /// <summary>
    /// Stores files as chunks in the model's repository, every byte verified against what the source promises, and reports each committed chunk to the
    /// context's progress. What an earlier attempt has stored is not fetched again.
    /// </summary>
    /// <param name="chunkSize">From the size of the whole model.</param>
    Task<IReadOnlyList<FileEntry>> StoreAsync(PreparationContext context, IReadOnlySet<string> paths, int chunkSize, CancellationToken cancellationToken);
}

/// <summary>Room in the registry.</summary>
/// <param name="Bytes">At most so many: chunks are stored raw where compression would not make them smaller.</param>
/// <param name="IncludesStored">The bytes are all that the repository will hold; what an earlier attempt has stored is among them.</param>
internal readonly record struct SourceRoom(long Bytes, bool IncludesStored);
