namespace AiModels.Contracts.V1Alpha1;

/// <summary>ClusterModel declares the files of one AI model for the workloads of every namespace. Administrators curate them.</summary>
public sealed record ClusterModel
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = GroupVersion.ClusterModelKind;
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What is wanted. It cannot be changed: for another source make another object.</summary>
    public required ClusterModelSpec Spec { get; init; }

    /// <summary>What is. Written by the controllers.</summary>
    public ModelStatus? Status { get; init; }
}

/// <summary>What is wanted of a ClusterModel.</summary>
public sealed record ClusterModelSpec
{
    /// <summary>Where the files come from: exactly one of url, upload and catalog.</summary>
    public required ClusterModelSource Source { get; init; }
}
