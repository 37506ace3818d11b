using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>What preparation made of a source.</summary>
internal sealed record PreparationResult
{
    public required ModelArtifact Artifact { get; init; }
    public required ResolvedSource Source { get; init; }
    public required ResolvedModel Resolved { get; init; }

    /// <summary>Files with code that a loader would run.</summary>
    public required IReadOnlyList<string> CustomCode { get; init; }

    /// <summary>Files that are not part of the model, with the reason in words.</summary>
    public required IReadOnlyDictionary<string, string> LeftOut { get; init; }

    /// <summary>What the source had to say to people, few and short.</summary>
    public IReadOnlyList<string> Notices { get; init; } = [];

    /// <summary>Bytes in the registry after compression.</summary>
    public required long StoredBytes { get; init; }
}
