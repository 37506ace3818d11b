namespace AiModels.ModelPack.Chunking;

/// <summary>How a file is received.</summary>
public sealed class ChunkedFileWriterOptions
{
    /// <summary>Bytes per chunk, from <c>ChunkSize.For(total bytes of the model)</c>.</summary>
    public int ChunkSize { get; init; } = Chunking.ChunkSize.Smallest;

    /// <summary>
    /// Length of the file when it is known: more bytes are refused at once, fewer at the end. Unknown length costs one thing: a chunk that is
    /// full is only sealed when the next byte or the end arrives, because a file of exactly one chunk is stored differently.
    /// </summary>
    public long? Length { get; init; }

    /// <summary>Chunks that were stored before: writing starts at their end.</summary>
    public IReadOnlyList<ChunkEntry> Committed { get; init; } = [];

    /// <summary>Called once per chunk, in order, after the sink has it for good. When it fails, the writer fails.</summary>
    public Func<ChunkEntry, CancellationToken, ValueTask>? OnCommitted { get; init; }

    /// <summary>
    /// Ceiling for buffers, raw and encoded. 80 MiB let one chunk of 16 MiB be received while another is encoded and sent.
    /// Never less than what one chunk needs.
    /// </summary>
    public long MaxBytesInFlight { get; init; } = 80L * 1024 * 1024;
}
