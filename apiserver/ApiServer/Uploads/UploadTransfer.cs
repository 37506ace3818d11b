using System.Buffers;
using System.Security.Cryptography;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// The encoder of one upload attempt, in memory. Chunks go to the registry and then into the journal; <see cref="KeepTailAsync"/> also makes the bytes
/// after the last chunk durable, so that the position can be acknowledged. Used by one request at a time.
/// </summary>
internal sealed class UploadTransfer : IAsyncDisposable
{
    // A client that sends in tiny patches leaves many pieces; from here on they are written as one.
    private const int MaximumPieces = 64;

    private readonly RegistryClient _registry;
    private IReadOnlyList<SpilledPiece> _pieces;
    private long _tailOffset;

    private UploadTransfer(UploadRecord record, RegistryClient registry, ChunkedFileWriter writer)
    {
        Record = record;
        Writer = writer;
        _registry = registry;
        (_pieces, _tailOffset) = (record.Tail, record.TailOffset);
    }

    /// <summary>The attempt that the chunks belong to.</summary>
    public UploadRecord Record { get; }

    public ChunkedFileWriter Writer { get; }

    /// <summary>Bytes in memory while nothing moves: those of the unfinished chunk.</summary>
    public long Held => Writer.Position - Writer.CommittedLength;

    /// <summary>Takes an attempt up where its journal ends: after the chunks, and the tail if there is one.</summary>
    public static async Task<UploadTransfer> OpenAsync(
        UploadRecord record, IReadOnlyList<UploadChunk> committed, RegistryClient registry, UploadJournal journal, long bytesInFlight, CancellationToken cancellationToken)
    {
        ChunkedFileWriter writer = new ModelPackWriter(registry, record.Repository).OpenFile(new ChunkedFileWriterOptions
        {
            ChunkSize = record.ChunkSize,
            Length = record.LengthBytes,
            Committed = [.. committed.Select(chunk => chunk.ToEntry())],
            OnCommitted = (entry, cancellation) => journal.AddChunkAsync(record, entry, cancellation),
            MaxBytesInFlight = bytesInFlight,
        });
        var transfer = new UploadTransfer(record, registry, writer);
        try
        {
            await transfer.LoadTailAsync(cancellationToken);
            return transfer;
        }
        catch
        {
            await transfer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where an upload stands by its journal: what is durable.</summary>
    public static long DurableOffset(UploadRecord record, IReadOnlyList<UploadChunk> committed)
    {
        long end = committed.Count == 0 ? 0 : committed[^1].Offset + committed[^1].Length;
        return record.TailOffset == end ? end + record.Tail.Sum(piece => piece.Length) : end;
    }

    /// <summary>Waits until all sealed chunks are committed, stores what came after them, and says how to write that down.</summary>
    public async Task<Func<UploadRecord, UploadRecord>> KeepTailAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        await Writer.FlushAsync(cancellationToken);
        long committed = Writer.CommittedLength;
        List<SpilledPiece> pieces = _tailOffset == committed && _pieces.Count < MaximumPieces ? [.. _pieces] : [];
        ReadOnlySequence<byte> unsaved = Writer.Tail.Slice(pieces.Sum(piece => piece.Length));
        if (!unsaved.IsEmpty)
        {
            Digest digest = DigestOf(unsaved);
            await _registry.PutBlobAsync(Record.Repository, digest, unsaved, cancellationToken);
            pieces.Add(new SpilledPiece(digest.ToString(), unsaved.Length));
        }

        (_pieces, _tailOffset) = (pieces, committed);
        return record => record with { Tail = pieces, TailOffset = committed, LastByteAt = now };
    }

    public ValueTask DisposeAsync() => Writer.DisposeAsync();

    private async Task LoadTailAsync(CancellationToken cancellationToken)
    {
        if (_tailOffset != Writer.CommittedLength)
        {
            // Chunks were committed after the tail was kept: it is in them.
            _pieces = [];
            return;
        }

        foreach (SpilledPiece piece in _pieces)
        {
            await using Stream stream = await _registry.GetBlobAsync(
                Record.Repository, Digest.Parse(piece.Digest), piece.Length, 0, piece.Length, cancellationToken);
            await Writer.WriteFromAsync(stream, cancellationToken);
        }
    }

    private static Digest DigestOf(ReadOnlySequence<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ReadOnlyMemory<byte> part in bytes)
        {
            hash.AppendData(part.Span);
        }

        return Digest.FromSha256(hash.GetHashAndReset());
    }
}
