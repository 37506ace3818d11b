using System.Buffers;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiServer.Progress;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Takes bytes of one upload and stores them, in their final form, while they arrive: hashed, compressed where that pays, one chunk after the other.
/// What it acknowledges is durable. What ends an upload early (the client, the network, a newer request) keeps what has arrived.
/// </summary>
internal sealed partial class UploadReceiver(
    UploadJournal journal, RegistryClient registry, ParkedTransfers parked, UploadClaims claims, UploadAnnouncer announcer, UploadRoom room, ProgressBoard progress,
    UploadOptions options, TimeProvider time,
    ILogger<UploadReceiver> log) : IDisposable
{
    // How long the end of a broken transfer may take to store its tail when nobody waits for the answer any more.
    private static readonly TimeSpan KeepTimeout = TimeSpan.FromSeconds(30);

    // A client that is silent for so long holds buffers and its place for nothing; it can go on later.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // 8192 chunks of 16 MiB: beyond that the size of chunks depends on the length, which therefore must be known.
    private const long MaximumUnannounced = (long)ChunkSize.Smallest * ChunkSize.MaxFullChunks;

    private readonly SemaphoreSlim _transfers = new(options.MaximumTransfers);

    /// <summary>The whole file, from its beginning. What an earlier attempt left is replaced as soon as the first bytes have been found good.</summary>
    public async Task<StoredUpload> ReceiveWholeAsync(StoredUpload upload, string? fileName, long? length, Stream body, CancellationToken stop)
    {
        UploadRecord attempt = upload.Record with
        {
            Attempt = upload.Record.Attempt + 1,
            FileName = fileName ?? upload.Record.FileName,
            LengthBytes = length ?? upload.Record.LengthBytes,
            ChunkSize = ChunkSize.For(length ?? upload.Record.LengthBytes),
            Carried = [],
            Tail = [],
            TailOffset = 0,
        };
        await parked.DropAsync(attempt.Uid);
        await room.ReserveAsync(attempt, 0, stop);
        await _transfers.WaitAsync(stop);
        try
        {
            UploadTransfer transfer = await UploadTransfer.OpenAsync(attempt, [], registry, journal, options.BytesInFlight, stop);
            return await RunAsync(upload, transfer, body, bodyIsRest: true, stop);
        }
        finally
        {
            _transfers.Release();
        }
    }

    /// <summary>A part of the file that begins at <paramref name="offset"/>, which must be where the upload stands.</summary>
    /// <param name="bodyIsRest">The body goes to the end of the file; otherwise it is a piece, and more may follow.</param>
    /// <param name="checksum">What the body must hash to before any of it counts.</param>
    public async Task<StoredUpload> ReceivePartAsync(StoredUpload upload, long offset, Stream body, bool bodyIsRest, UploadChecksum? checksum, CancellationToken stop)
    {
        await _transfers.WaitAsync(stop);
        try
        {
            IReadOnlyList<UploadChunk> chunks = await journal.ChunksAsync(upload.Record, stop);
            long durable = UploadTransfer.DurableOffset(upload.Record, chunks);
            if (durable != offset)
            {
                throw UploadErrors.WrongOffset(offset, durable);
            }

            if (checksum is not null)
            {
                body = await checksum.ReadAsync(body, Patience, stop);
            }

            UploadTransfer? transfer = await parked.TakeAsync(upload.Record, offset);
            if (transfer is null)
            {
                await room.ReserveAsync(upload.Record, offset, stop);
                transfer = await UploadTransfer.OpenAsync(upload.Record, chunks, registry, journal, options.BytesInFlight, stop);
            }

            return await RunAsync(upload, transfer, body, bodyIsRest, stop);
        }
        catch (Exception cause) when (Translate(cause) is { } error)
        {
            throw error;
        }
        finally
        {
            _transfers.Release();
        }
    }

    /// <summary>Makes an upload Received whose chunks are all there: a process was killed between the last chunk and the manifest.</summary>
    public async Task<StoredUpload> FinishIfCompleteAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        if (upload.Record.State != UploadStates.Receiving || upload.Record.LengthBytes is not { } length)
        {
            return upload;
        }

        IReadOnlyList<UploadChunk> chunks = await journal.ChunksAsync(upload.Record, cancellationToken);
        bool isComplete = chunks.Count > 0 && chunks[^1].Offset + chunks[^1].Length == length;
        return isComplete && !claims.IsHeldElsewhere(upload.Record)
            ? await FinishAsync(await claims.ClaimAsync(upload, cancellationToken), [.. chunks.Select(chunk => chunk.ToEntry())], cancellationToken)
            : upload;
    }

    public void Dispose() => _transfers.Dispose();

    private async Task<StoredUpload> RunAsync(StoredUpload upload, UploadTransfer transfer, Stream body, bool bodyIsRest, CancellationToken stop)
    {
        bool isParked = false;
        var run = new Run(upload, transfer) { IsConfirmed = transfer.Writer.Position >= UploadContent.HeadLength };
        try
        {
            // Step 1: everything the body has, as far as it comes.
            Exception? broken = await CopyAsync(run, body, stop);
            long position = transfer.Writer.Position;
            long? length = transfer.Record.LengthBytes;

            // Step 2: the end of the file, or a pause.
            bool isWhole = broken is null && (length is null ? bodyIsRest : position == length);
            if (isWhole)
            {
                return await CompleteAsync(run, stop);
            }

            using var timeout = new CancellationTokenSource(KeepTimeout, time);
            await KeepAsync(run, timeout.Token);
            if (broken is not null)
            {
                // A connection that breaks is no defect of ours, however the server words it; most often nobody reads this.
                throw broken is IOException ? UploadErrors.TooShort(position, length) : broken;
            }

            if (bodyIsRest)
            {
                throw UploadErrors.TooShort(position, length!.Value);
            }

            isParked = true;
            await parked.ParkAsync(transfer);
            return run.Upload;
        }
        catch (Exception cause) when (Translate(cause) is { } error)
        {
            throw error;
        }
        finally
        {
            if (!isParked)
            {
                await transfer.DisposeAsync();
            }
        }
    }

    // Null when the body ended as it should; what broke it otherwise. Failures of the other side, the registry, are thrown.
    private async Task<Exception?> CopyAsync(Run run, Stream body, CancellationToken stop)
    {
        ChunkedFileWriter writer = run.Transfer.Writer;
        long? length = run.Transfer.Record.LengthBytes;
        byte[] probe = new byte[1];
        long renewed = time.GetTimestamp();
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(stop);
        while (true)
        {
            if (time.GetElapsedTime(renewed) >= UploadClaims.RenewalInterval)
            {
                run.Upload = await claims.RenewAsync(run.Upload, stop);
                renewed = time.GetTimestamp();
            }

            // At the announced end one more byte is asked for, to learn whether there is one; a chunk's buffer would be wasted on that.
            Memory<byte> room = writer.Position == length ? probe : await writer.GetMemoryAsync(stop);
            int count;
            try
            {
                idle.CancelAfter(Patience);
                count = await body.ReadAsync(room, idle.Token);
            }
            catch (Exception broken) when (broken is IOException or OperationCanceledException)
            {
                return idle.IsCancellationRequested && !stop.IsCancellationRequested ? UploadErrors.Stalled(Patience) : broken;
            }

            if (count == 0)
            {
                return null;
            }

            RefuseExcess(writer.Position + count, length);
            writer.Advance(count);
            await ConfirmAsync(run, isEnd: false, stop);
            progress.ReportReceived(run.Transfer.Record, writer.Position, writer.CommittedLength);
        }
    }

    private void RefuseExcess(long position, long? length)
    {
        if (length is null && position > options.MaximumLength)
        {
            throw UploadErrors.AboveMaximum(position, options.MaximumLength);
        }

        if (position > length)
        {
            throw UploadErrors.TooLong($"the upload has more bytes than the {length} announced; nothing beyond them was kept");
        }

        if (length is null && position > MaximumUnannounced)
        {
            throw UploadErrors.TooLong($"the length of files above {MaximumUnannounced} bytes must be announced: send Content-Length (or Upload-Length)");
        }
    }

    // The first bytes decide whether the upload is taken at all; nothing is stored or written down before.
    private async ValueTask ConfirmAsync(Run run, bool isEnd, CancellationToken cancellationToken)
    {
        if (run.IsConfirmed || (!isEnd && run.Transfer.Writer.Position < UploadContent.HeadLength))
        {
            return;
        }

        ReadOnlySequence<byte> tail = run.Transfer.Writer.Tail;
        byte[] head = tail.Slice(0, Math.Min(UploadContent.HeadLength, tail.Length)).ToArray();
        string name;
        try
        {
            name = UploadContent.Confirm(run.Transfer.Record.FileName, head);
        }
        catch (ApiException)
        {
            await ForgetBeginningAsync(run, cancellationToken);
            throw;
        }

        run.IsConfirmed = true;
        await WriteDownAsync(run, record => record with { FileName = name }, cancellationToken);
    }

    // Fewer bytes than it takes to judge may have been kept by an earlier request: the upload begins anew, not after them.
    private async Task ForgetBeginningAsync(Run run, CancellationToken cancellationToken)
    {
        if (run.Upload.Record.Attempt == run.Transfer.Record.Attempt)
        {
            await journal.UpdateAsync(
                run.Upload, record => claims.Guarded(record) with { Attempt = record.Attempt + 1, Carried = [], Tail = [], TailOffset = 0 }, cancellationToken);
        }
    }

    private async Task WriteDownAsync(Run run, Func<UploadRecord, UploadRecord> change, CancellationToken cancellationToken)
    {
        UploadRecord attempt = run.Transfer.Record, before = run.Upload.Record;
        run.Upload = await journal.UpdateAsync(
            run.Upload,
            record => change(claims.Guarded(record) with
            {
                State = UploadStates.Receiving,
                Attempt = attempt.Attempt,
                Carried = attempt.Carried,
                FileName = record.Attempt == attempt.Attempt ? record.FileName : attempt.FileName,
                LengthBytes = attempt.LengthBytes ?? record.LengthBytes,
                ChunkSize = attempt.ChunkSize,
                Tail = record.Attempt == attempt.Attempt ? record.Tail : [],
                TailOffset = record.Attempt == attempt.Attempt ? record.TailOffset : 0,
                LastByteAt = time.GetUtcNow(),
            }),
            cancellationToken) ?? throw UploadErrors.Gone("was replaced or deleted");
        if (before.Attempt != attempt.Attempt)
        {
            await journal.ForgetChunksAsync(before, cancellationToken);
        }

        run.Upload = await announcer.AnnounceAsync(run.Upload, cancellationToken);
    }

    private async Task KeepAsync(Run run, CancellationToken cancellationToken)
    {
        if (run.Transfer.Writer.Position == 0)
        {
            return;
        }

        Func<UploadRecord, UploadRecord> kept = await run.Transfer.KeepTailAsync(time.GetUtcNow(), cancellationToken);
        await WriteDownAsync(run, record => UploadClaims.Released(kept(record)), cancellationToken);
    }

    private async Task<StoredUpload> CompleteAsync(Run run, CancellationToken cancellationToken)
    {
        ChunkedFileWriter writer = run.Transfer.Writer;
        if (writer.Position == 0)
        {
            throw UploadErrors.WrongContent("the file is empty");
        }

        await ConfirmAsync(run, isEnd: true, cancellationToken);
        if (run.Upload.Record.LengthBytes is null)
        {
            // Known now: after a kill in the next moments the journal says that nothing is missing.
            long length = writer.Position;
            await WriteDownAsync(run, record => record with { LengthBytes = length }, cancellationToken);
        }

        return await FinishAsync(run.Upload, await writer.CompleteAsync(cancellationToken), cancellationToken);
    }

    private async Task<StoredUpload> FinishAsync(StoredUpload upload, IReadOnlyList<ChunkEntry> chunks, CancellationToken cancellationToken)
    {
        UploadRecord record = (upload = await claims.RenewAsync(upload, cancellationToken)).Record;
        var file = new FileEntry { Path = record.FileName!, Chunks = chunks };
        PackedManifest packed = await new ModelPackWriter(registry, record.Repository)
            .PublishAsync([file], new ModelDescription(), WellKnownTags.Upload, cancellationToken, MediaTypes.UploadManifest);
        StoredUpload received = await journal.UpdateAsync(
            upload,
            current => UploadClaims.Released(claims.Guarded(current)) with
            {
                State = UploadStates.Received,
                ReceivedDigest = packed.Digest.ToString(),
                Carried = [],
                Tail = [],
                TailOffset = 0,
                LastByteAt = time.GetUtcNow(),
            },
            cancellationToken) ?? throw UploadErrors.Gone("was replaced or deleted");
        await journal.ForgetChunksAsync(record, cancellationToken);
        await room.ReleaseAsync(received.Record, cancellationToken);
        progress.ReportReceived(received.Record, file.Length, file.Length);
        return await announcer.AnnounceAsync(received, cancellationToken);
    }

    // Our own errors pass; the registry's become what an uploader can understand.
    private ApiException? Translate(Exception cause)
    {
        if (cause is not (RegistryException or HttpRequestException))
        {
            return null;
        }

        Log.RegistryFailed(log, cause.Message);
        return cause is RegistryException { IsInsufficientStorage: true } full ? UploadErrors.NoRoom(full.Detail) : UploadErrors.RegistryUnavailable();
    }

    private sealed class Run(StoredUpload upload, UploadTransfer transfer)
    {
        public StoredUpload Upload { get; set; } = upload;
        public UploadTransfer Transfer { get; } = transfer;
        public bool IsConfirmed { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The registry did not take an upload: {Reason}")]
        public static partial void RegistryFailed(ILogger log, string reason);
    }
}
