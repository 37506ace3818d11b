using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>Model declares the files of one AI model for the workloads of its namespace: where they come from, and what became of them.</summary>
public sealed record Model
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = GroupVersion.ModelKind;
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What is wanted. It cannot be changed: for another source make another object.</summary>
    public required ModelSpec Spec { get; init; }

    /// <summary>What is. Written by the controllers.</summary>
    public ModelStatus? Status { get; init; }
}

/// <summary>What is wanted of a Model.</summary>
public sealed record ModelSpec
{
    /// <summary>Where the files come from: exactly one of url, upload and catalog.</summary>
    public required ModelSource Source { get; init; }
}

/// <summary>State of a Model or ClusterModel.</summary>
public sealed record ModelStatus
{
    /// <summary>Pending, WaitForUpload, Publishing, Ready, Failed or Deleting.</summary>
    [AllowedValues(Phases.Pending, Phases.WaitForUpload, Phases.Publishing, Phases.Ready, Phases.Failed, Phases.Deleting)]
    public string? Phase { get; init; }

    /// <summary>How far preparation is, as a percentage: "42%". Below 100% until the model is Ready.</summary>
    public string? Progress { get; init; }

    /// <summary>The metadata.generation this status was made for.</summary>
    public long? ObservedGeneration { get; init; }

    /// <summary>The state in aspects; Ready is the one to wait for.</summary>
    [ListMap("type")]
    public IReadOnlyList<Condition>? Conditions { get; init; }

    /// <summary>The artifact in the internal registry.</summary>
    public ModelArtifact? Artifact { get; init; }

    /// <summary>What the source turned out to be, frozen at the first look.</summary>
    public ResolvedSource? Source { get; init; }

    /// <summary>What the files say about the model.</summary>
    public ResolvedModel? Resolved { get; init; }

    /// <summary>Where the upload is awaited.</summary>
    public UploadStatus? Upload { get; init; }
}
