using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>Stores one file of a hub: what an earlier attempt has stored is taken over, the rest is fetched, and all of it is what the hub promises.</summary>
internal sealed class HubFileStore(PreparationContext context, Checkpoint checkpoint, HubFile file, int chunkSize)
{
    private const int CopyBuffer = 128 * 1024;

    /// <param name="open">The file's bytes at the hub from an offset on.</param>
    /// <param name="marks">What was seen of the file before.</param>
    public async Task<FileEntry> StoreAsync(Func<long, Stream> open, IReadOnlyList<HeaderMark> marks, CancellationToken cancellationToken)
    {
        IReadOnlyList<ChunkEntry> committed = checkpoint.CommittedOf(file.Path, file.Size, chunkSize);
        long offset = committed.Count == 0 ? 0 : committed[^1].End;
        if (committed.Count > 0 && offset == file.Size)
        {
            // The last chunk is given out only when the whole file is right (VerifyingStream).
            return new FileEntry { Path = file.Path, Chunks = committed };
        }

        using var digest = new HubDigest(file, marks);
        await TakeOverAsync(committed, digest, cancellationToken);
        await using Stream source = open(offset);
        await using var verified = new VerifyingStream(source, digest, file.Path, bytes => context.Progress.Receive(file.Path, bytes));
        var options = new ChunkedFileWriterOptions
        {
            ChunkSize = chunkSize,
            Length = file.Size,
            Committed = committed,
            MaxBytesInFlight = TransferBudget.FileBytes,
            OnCommitted = (chunk, cancellation) => checkpoint.CommitAsync(file.Path, chunk, cancellation),
        };
        return await context.Writer.WriteFileAsync(file.Path, verified, options, cancellationToken);
    }

    /// <summary>Begins the file anew.</summary>
    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        await checkpoint.ForgetAsync(file.Path, cancellationToken);
        context.Progress.Restart(file.Path);
    }

    /// <summary>What is stored is read from the registry and not from the hub, because the promised digest is over the whole file.</summary>
    private async Task TakeOverAsync(IReadOnlyList<ChunkEntry> committed, HubDigest digest, CancellationToken cancellationToken)
    {
        if (committed.Count == 0)
        {
            return;
        }

        await using Stream stored = checkpoint.OpenCommitted(file.Path, committed);
        byte[] buffer = new byte[CopyBuffer];
        for (int read; (read = await stored.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            digest.Append(buffer.AsSpan(0, read));
        }
    }
}
