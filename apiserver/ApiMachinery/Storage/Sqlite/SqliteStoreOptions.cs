using System.ComponentModel.DataAnnotations;

namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>Where and how the embedded database keeps objects.</summary>
public sealed class SqliteStoreOptions
{
    /// <summary>The database file. Its folder is made when missing; one process at a time may open it.</summary>
    [Required]
    public string Path { get; set; } = "";

    /// <summary>How large the database may become; a write that does not fit is refused and nothing of it is kept. 0: as large as the disk allows.</summary>
    [Range(0, long.MaxValue)]
    public long MaximumBytes { get; set; }

    /// <summary>How long history is kept for watches and paged lists. 5 minutes, as etcd under kube-apiserver: informers reconnect within that time.</summary>
    public TimeSpan HistoryAge { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many revisions are kept at most, however young: 100,000 of 3 KB are about 300 MB of disk.</summary>
    [Range(1, long.MaxValue)]
    public long HistoryRevisions { get; set; } = 100_000;

    /// <summary>How often history is compacted. Zero leaves it to <see cref="IObjectStore.CompactAsync"/>.</summary>
    public TimeSpan CompactionInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How many of the newest events are held in memory for watchers.</summary>
    [Range(1, int.MaxValue)]
    public int WatchEvents { get; set; } = 8192;

    /// <summary>How many bytes of values those events may hold.</summary>
    public long WatchBytes { get; set; } = 64L << 20;

    /// <summary>Connections for reading. Reads do not wait for writes; more readers than this wait for each other.</summary>
    [Range(1, 64)]
    public int Readers { get; set; } = Math.Clamp(Environment.ProcessorCount * 2, 4, 16);
}
