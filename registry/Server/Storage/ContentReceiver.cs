using System.Buffers;
using System.Security.Cryptography;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Brings a request's body to storage in one pass: while one block is received, the block before it is hashed and written, each on a thread of its own.
/// </summary>
internal sealed class ContentReceiver(TransferBuffers buffers)
{
    /// <summary>Copies to the end of <paramref name="source"/>.</summary>
    /// <param name="length">How many bytes are announced, or null.</param>
    /// <param name="writer">Where they go, or null to hash only.</param>
    /// <param name="hash">Fed with every byte that reached the writer.</param>
    public async Task<ReceivedContent> ReceiveAsync(Stream source, long? length, IStorageWriter? writer, IncrementalHash hash, CancellationToken cancellationToken)
    {
        long received = 0;
        Exception? cut = null;
        Task processing = Task.CompletedTask;
        IMemoryOwner<byte>? current = null;
        IMemoryOwner<byte>? previous = null;
        try
        {
            bool ended = false;
            while (!ended)
            {
                current = buffers.Rent(length - received);
                int filled;
                (filled, cut) = await FillAsync(source, current.Memory, cancellationToken);
                ended = filled < current.Memory.Length;

                await processing;
                previous?.Dispose();
                (previous, current) = (current, null);
                ReadOnlyMemory<byte> block = previous.Memory[..filled];
                processing = ProcessAsync(block, writer, hash, cancellationToken);
                received += filled;
                ended = ended || received == length;
            }

            await processing;
            return new ReceivedContent(received, cut);
        }
        finally
        {
            // A block may only be given back when nobody reads it any more.
            await processing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            current?.Dispose();
            previous?.Dispose();
        }
    }

    /// <summary>Reads an object once and returns the digest of what is there.</summary>
    public async Task<Digest> HashAsync(IStorageBackend backend, string path, string algorithm, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = ContentHash.Create(algorithm);
        await HashAsync(backend, path, hash, cancellationToken);
        return ContentHash.Current(hash);
    }

    /// <summary>Reads an object into a hash.</summary>
    public async Task HashAsync(IStorageBackend backend, string path, IncrementalHash hash, CancellationToken cancellationToken)
    {
        await using StorageReader reader = await backend.OpenReadAsync(path, 0, cancellationToken) ?? throw new IOException($"{path} is gone.");
        ReceivedContent content = await ReceiveAsync(reader.Content, reader.Entry.Length, null, hash, cancellationToken);
        switch (content.Cut)
        {
            case null:
                return;
            case StorageUnavailableException unavailable:
                throw new StorageUnavailableException($"{path} could not be read to its end: {unavailable.Message}", unavailable);
            case OperationCanceledException cancelled:
                throw cancelled;
            default:
                throw new IOException($"{path} could not be read to its end.", content.Cut);
        }
    }

    private static async Task<(int Filled, Exception? Cut)> FillAsync(Stream source, Memory<byte> block, CancellationToken cancellationToken)
    {
        int filled = 0;
        while (filled < block.Length)
        {
            int count;
            try
            {
                count = await source.ReadAsync(block[filled..], cancellationToken);
            }
            catch (Exception failure) when (failure is IOException or OperationCanceledException)
            {
                // The client went away. What it sent so far is good and may be kept.
                return (filled, failure);
            }

            if (count == 0)
            {
                break;
            }

            filled += count;
        }

        return (filled, null);
    }

    private static Task ProcessAsync(ReadOnlyMemory<byte> block, IStorageWriter? writer, IncrementalHash hash, CancellationToken cancellationToken)
    {
        if (block.Length <= TransferBuffers.SmallSize)
        {
            hash.AppendData(block.Span);
            return writer is null ? Task.CompletedTask : writer.WriteAsync(block, CancellationToken.None).AsTask();
        }

        Task hashing = Task.Run(() => hash.AppendData(block.Span), CancellationToken.None);
        return writer is null ? hashing : Task.WhenAll(hashing, writer.WriteAsync(block, CancellationToken.None).AsTask());
    }
}

/// <summary>What arrived.</summary>
/// <param name="Length">Bytes hashed and written.</param>
/// <param name="Cut">Why the source ended early, or null when it ended by itself.</param>
internal readonly record struct ReceivedContent(long Length, Exception? Cut);
