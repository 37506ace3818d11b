using System.ComponentModel.DataAnnotations;

namespace AiModels.ApiMachinery.Audit;

/// <summary>Where the audit log goes, and how its files are rotated; the names are upstream's (--audit-log-…).</summary>
public sealed class AuditOptions
{
    /// <summary>A file, or - for standard output.</summary>
    [Required]
    public required string Path { get; init; }

    /// <summary>Megabytes at which the file is renamed and a new one begun; 0: never.</summary>
    public int MaximumMegabytes { get; init; } = 100;

    /// <summary>Renamed files to keep; 0: all.</summary>
    public int MaximumBackups { get; init; }

    /// <summary>Days to keep renamed files; 0: for ever.</summary>
    public int MaximumDays { get; init; }

    /// <summary>
    /// Events that may wait for the disk. Some seconds of the busiest server; a request never waits for its event, and what does not fit is counted, said
    /// in the log file itself, and in a metric.
    /// </summary>
    [Range(1, 1 << 20)]
    public int Capacity { get; init; } = 10_000;
}
