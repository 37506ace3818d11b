using System.Collections.Concurrent;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Encoders of uploads that pause between two PATCHes, so that the next one goes on without reading its tail back. Everything they hold is durable
/// already: letting one go costs nothing but that reading.
/// </summary>
internal sealed class ParkedTransfers(UploadOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Parked> _parked = new(StringComparer.Ordinal);

    /// <summary>The encoder that stands exactly here, or null. It is the caller's then.</summary>
    public async ValueTask<UploadTransfer?> TakeAsync(UploadRecord record, long offset)
    {
        if (!_parked.TryRemove(record.Uid, out Parked? parked))
        {
            return null;
        }

        await parked.Timer.DisposeAsync();
        UploadTransfer transfer = parked.Transfer;
        if (transfer.Record.SessionId == record.SessionId && transfer.Record.Attempt == record.Attempt && transfer.Writer.Position == offset)
        {
            return transfer;
        }

        await transfer.DisposeAsync();
        return null;
    }

    /// <summary>Keeps an encoder for a while.</summary>
    public async ValueTask ParkAsync(UploadTransfer transfer)
    {
        // The length of chunks, and with it what a transfer holds, follows the announced length of the file: neither may be multiplied by pausing.
        long held = transfer.Held + _parked.Values.Sum(other => other.Transfer.Held);
        if (_parked.Count >= options.MaximumTransfers || held > options.ParkedBytes)
        {
            await transfer.DisposeAsync();
            return;
        }

        string uid = transfer.Record.Uid;
        var parked = new Parked(transfer);
        parked.Timer = time.CreateTimer(_ => Release(uid, parked), null, options.ParkingTime, Timeout.InfiniteTimeSpan);
        _parked[uid] = parked;
    }

    /// <summary>Lets a model's encoder go.</summary>
    public async ValueTask DropAsync(string uid)
    {
        if (_parked.TryRemove(uid, out Parked? parked))
        {
            await parked.Timer.DisposeAsync();
            await parked.Transfer.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string uid in _parked.Keys)
        {
            await DropAsync(uid);
        }
    }

    // Disposing waits for nothing here: all chunks are committed, so it only returns buffers.
    private void Release(string uid, Parked parked)
    {
        if (_parked.TryRemove(KeyValuePair.Create(uid, parked)))
        {
            _ = parked.Transfer.DisposeAsync().AsTask();
        }
    }

    private sealed class Parked(UploadTransfer transfer)
    {
        public UploadTransfer Transfer { get; } = transfer;
        public ITimer Timer { get; set; } = null!;
    }
}
