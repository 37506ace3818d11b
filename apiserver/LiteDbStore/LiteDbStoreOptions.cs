using System.ComponentModel.DataAnnotations;

namespace AiModels.LiteDbStore;

/// <summary>Where and how LiteDB keeps objects.</summary>
public sealed class LiteDbStoreOptions
{
    /// <summary>The data file; its log lies beside it. The folder is made when missing; one process at a time may open it.</summary>
    [Required]
    public required string Path { get; init; }

    /// <summary>How long history is kept for watches and paged lists. 5 minutes, as etcd under kube-apiserver.</summary>
    public TimeSpan HistoryAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How many revisions are kept at most, however young.</summary>
    [Range(1, long.MaxValue)]
    public long HistoryRevisions { get; init; } = 100_000;

    /// <summary>How often history is compacted and the log is put into the data file. Zero leaves both to <see cref="LiteDbObjectStore.CompactAsync"/>.</summary>
    public TimeSpan CompactionInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How many of the newest events are held in memory for watchers.</summary>
    [Range(1, int.MaxValue)]
    public int WatchEvents { get; init; } = 8192;

    /// <summary>How many bytes of values those events may hold.</summary>
    public long WatchBytes { get; init; } = 64L << 20;
}
