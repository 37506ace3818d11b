using System.Security.Cryptography;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// Takes pieces of a file as a chunk gives them out, in order. The memory is page-aligned and valid only during the call; every piece but the
/// last of a chunk has 2 MiB. Nothing counts before the whole chunk has been verified.
/// </summary>
/// <param name="offset">Offset in the file.</param>
/// <param name="bytes">The file's bytes from there.</param>
/// <param name="cancellationToken">Ends the writing.</param>
public delegate ValueTask ChunkReceiver(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

/// <summary>
/// Turns stored bytes back into the file's. Verifies the logical digest and the length, and that nothing is left over; whatever the stored
/// bytes claim, it uses two buffers of 2 MiB and gives out no more bytes than the manifest promised. Thread-safe.
/// <para>The stored digest of a zstd chunk is not computed again: the digest over the content is the stronger statement, frames are expanded
/// before either could be known, and the second hash would take a quarter of the time of reading a model. It is the blob's name, and the
/// registry checked it when the blob came.</para>
/// </summary>
public sealed class ChunkDecoder(IChunkCompressor compressor)
{
    /// <summary>
    /// Reads a chunk from <paramref name="stored"/> to its end. When the task completes, what was received is the chunk, verified;
    /// otherwise it throws <see cref="ChunkCorruptException"/>.
    /// </summary>
    public Task DecodeAsync(ChunkEntry chunk, Stream stored, ChunkReceiver receive, CancellationToken cancellationToken) =>
        chunk.Encoding == ChunkEncoding.Raw
            ? DecodeRawAsync(chunk, stored, receive, cancellationToken)
            : DecodeZstdAsync(chunk, stored, receive, cancellationToken);

    private static async Task DecodeRawAsync(ChunkEntry chunk, Stream stored, ChunkReceiver receive, CancellationToken cancellationToken)
    {
        if (chunk.StoredLength != chunk.Length)
        {
            throw new ChunkCorruptException(chunk, $"is raw, but {chunk.StoredLength} bytes are stored for {chunk.Length}");
        }

        Segment segment = Segment.Rent();
        try
        {
            using IncrementalHash hash = DigestCheck.Begin(chunk.StoredDigest);
            for (long offset = 0; offset < chunk.Length;)
            {
                int wanted = (int)Math.Min(Segment.Size, chunk.Length - offset);
                segment.Length = await stored.ReadAtLeastAsync(segment.Memory[..wanted], wanted, throwOnEndOfStream: false, cancellationToken);
                if (segment.Length < wanted)
                {
                    throw new ChunkCorruptException(chunk, $"ended after {offset + segment.Length} of {chunk.Length} bytes");
                }

                hash.AppendData(segment.ContentSpan);
                await receive(chunk.Offset + offset, segment.Content, cancellationToken);
                offset += wanted;
            }

            await ExpectEndAsync(chunk, stored, cancellationToken);
            Expect(DigestCheck.Matches(chunk.StoredDigest, hash), chunk, "its bytes do not have the digest of the blob");
            Expect(chunk.LogicalDigest == chunk.StoredDigest, chunk, $"its content does not have the digest {chunk.LogicalDigest}");
        }
        finally
        {
            segment.Return();
        }
    }

    private async Task DecodeZstdAsync(ChunkEntry chunk, Stream stored, ChunkReceiver receive, CancellationToken cancellationToken)
    {
        using var frames = new ZstdFrameReader(chunk, stored);
        Segment content = Segment.Rent();
        try
        {
            using IncrementalHash logical = DigestCheck.Begin(chunk.LogicalDigest);
            long offset = 0;
            while (await frames.NextAsync(cancellationToken))
            {
                content.Length = Expand(chunk, frames, content, chunk.Length - offset);
                logical.AppendData(content.ContentSpan);
                await receive(chunk.Offset + offset, content.Content, cancellationToken);
                offset += content.Length;
            }

            await ExpectEndAsync(chunk, stored, cancellationToken);
            Expect(offset == chunk.Length, chunk, $"holds {offset} bytes, {chunk.Length} were promised");
            Expect(DigestCheck.Matches(chunk.LogicalDigest, logical), chunk, $"its content does not have the digest {chunk.LogicalDigest}");
        }
        finally
        {
            content.Return();
        }
    }

    private int Expand(ChunkEntry chunk, ZstdFrameReader frames, Segment content, long room)
    {
        Expect(frames.ContentSize <= (ulong)Math.Min(room, Segment.Size), chunk, $"a frame claims {frames.ContentSize} bytes, at most {Math.Min(room, Segment.Size)} can be right");
        try
        {
            int length = compressor.Decompress(frames.Frame, content.GetSpan()[..(int)frames.ContentSize]);
            Expect(length == (int)frames.ContentSize, chunk, $"a frame holds {length} bytes and claims {frames.ContentSize}");
            return length;
        }
        catch (InvalidDataException e)
        {
            throw new ChunkCorruptException(chunk, e.Message.TrimEnd('.'), e);
        }
    }

    private static async Task ExpectEndAsync(ChunkEntry chunk, Stream stored, CancellationToken cancellationToken) =>
        Expect(await stored.ReadAsync(new byte[1], cancellationToken) == 0, chunk, $"more than {chunk.StoredLength} bytes are stored");

    private static void Expect(bool isTrue, ChunkEntry chunk, string problem)
    {
        if (!isTrue)
        {
            throw new ChunkCorruptException(chunk, problem);
        }
    }
}
