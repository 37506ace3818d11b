using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>
/// ModelProgress is the live progress of a model's preparation and delivery. It is held in memory and served from there (GET, or ?watch=true for a stream);
/// status.progress of the model is its bounded summary.
/// </summary>
public sealed record ModelProgress
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = "ModelProgress";

    /// <summary>Name and namespace of the model.</summary>
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What is being done, for instance Receive or Pack; Ready or Failed at the end.</summary>
    public string? Stage { get; init; }

    /// <summary>Percentage, "42%".</summary>
    public string? Progress { get; init; }

    /// <summary>Logical bytes in all, when known.</summary>
    [Range(0, long.MaxValue)]
    public long? BytesExpected { get; init; }

    /// <summary>Logical bytes that have arrived.</summary>
    [Range(0, long.MaxValue)]
    public long? BytesReceived { get; init; }

    /// <summary>Bytes stored for good in the registry, after compression.</summary>
    [Range(0, long.MaxValue)]
    public long? BytesStored { get; init; }

    /// <summary>Logical bytes a second over the last seconds.</summary>
    [Range(0, long.MaxValue)]
    public long? BytesPerSecond { get; init; }

    /// <summary>Seconds to go at this rate.</summary>
    [Range(0, long.MaxValue)]
    public long? SecondsRemaining { get; init; }

    /// <summary>When the report was made.</summary>
    public DateTimeOffset? ReportedAt { get; init; }

    /// <summary>The files or layers being worked on.</summary>
    public IReadOnlyList<LayerProgress>? Layers { get; init; }

    /// <summary>Deliveries under way: one entry a materializer Job or node.</summary>
    public IReadOnlyList<ConsumerProgress>? Consumers { get; init; }
}

/// <summary>Progress of one file.</summary>
public sealed record LayerProgress
{
    /// <summary>Path of the file within the model.</summary>
    public required string Path { get; init; }

    /// <summary>Waiting, Receiving, Stored or Failed.</summary>
    public required string State { get; init; }

    [Range(0, long.MaxValue)]
    public long? BytesExpected { get; init; }

    [Range(0, long.MaxValue)]
    public long? BytesReceived { get; init; }
}

/// <summary>Progress of one delivery of the model.</summary>
public sealed record ConsumerProgress
{
    /// <summary>Who receives: job/NAMESPACE/NAME or node/NAME.</summary>
    public required string Name { get; init; }

    /// <summary>Waiting, Downloading, Ready or Failed.</summary>
    public required string State { get; init; }

    [Range(0, long.MaxValue)]
    public long? BytesExpected { get; init; }

    [Range(0, long.MaxValue)]
    public long? BytesReceived { get; init; }

    /// <summary>What went wrong last, if something did.</summary>
    public string? Message { get; init; }
}
