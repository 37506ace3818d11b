using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>One aspect of the current state, as metav1.Condition defines it.</summary>
public sealed record Condition
{
    /// <summary>Type of condition in CamelCase. One entry a type.</summary>
    [StringLength(316, MinimumLength = 1)]
    [RegularExpression(@"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$")]
    public required string Type { get; init; }

    /// <summary>True, False or Unknown.</summary>
    [AllowedValues(ConditionStatus.True, ConditionStatus.False, ConditionStatus.Unknown)]
    public required string Status { get; init; }

    /// <summary>Why the condition last changed, one CamelCase word that programs can act on.</summary>
    [StringLength(1024, MinimumLength = 1)]
    [RegularExpression("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    public required string Reason { get; init; }

    /// <summary>What happened, in words a person can act on. May be empty.</summary>
    [StringLength(32768)]
    public required string Message { get; init; }

    /// <summary>When the condition last went from one status to another.</summary>
    public required DateTimeOffset LastTransitionTime { get; init; }

    /// <summary>The metadata.generation that the condition was set for.</summary>
    [Range(0, long.MaxValue)]
    public long? ObservedGeneration { get; init; }
}

/// <summary>Values of <see cref="Condition.Status"/>.</summary>
public static class ConditionStatus
{
    public const string True = "True";
    public const string False = "False";
    public const string Unknown = "Unknown";
}
