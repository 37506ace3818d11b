using AiModels.ModelPack.Chunking;

namespace AiModels.ModelPack;

/// <summary>How a file is copied out of an artifact.</summary>
public sealed class CopyOptions
{
    /// <summary>Chunks at once; each takes two buffers of 2 MiB. As many as there are processors, and at least 2: expanding and hashing are what takes the time.</summary>
    public int Parallelism { get; init; } = Math.Max(2, Environment.ProcessorCount);

    /// <summary>Chunks that are there already, by a journal of the caller's.</summary>
    public Func<ChunkEntry, bool>? IsPresent { get; init; }

    /// <summary>Called after all bytes of a chunk have been written and verified; for several chunks at once.</summary>
    public Func<ChunkEntry, CancellationToken, ValueTask>? OnVerified { get; init; }

    /// <summary>Called with counts of the file's bytes as they are written, verified or not: for progress. Called from several threads.</summary>
    public Action<long>? OnBytes { get; init; }
}
