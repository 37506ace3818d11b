using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>
/// A format of models. Stateless. To add one: a class and a registration line; formats are asked in the order of their registration, and the first that
/// recognises a source takes it.
/// </summary>
internal interface IModelFormat
{
    /// <summary>One of <see cref="ModelFormats"/>.</summary>
    string Name { get; }

    /// <summary>Whether these files are a model of this format, by their paths alone.</summary>
    bool Recognizes(IReadOnlyList<SourceFile> files);

    /// <summary>
    /// Why each file that is not kept is left out: paths to reasons in words. A hub client asks before it fetches a byte, so paths and sizes must do.
    /// </summary>
    /// <param name="preferred">The file the user's URL names, if it names one.</param>
    IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred);

    /// <summary>
    /// What the kept files say. Checks everything that takes more than one file to check (all parts of a sharded model).
    /// Throws <see cref="InvalidModelFileException"/> for what is wrong with them.
    /// </summary>
    DescribedModel Describe(IReadOnlyList<ModelFile> files);
}

/// <summary>What the files of a model say about it.</summary>
internal sealed record DescribedModel
{
    public required ResolvedModel Resolved { get; init; }

    /// <summary>Tasks that the model card declares, in its own words.</summary>
    public IReadOnlyList<string> Tasks { get; init; } = [];

    /// <summary>Files with code that a loader would have to run. Empty for models that need none.</summary>
    public IReadOnlyList<string> CustomCode { get; init; } = [];
}
