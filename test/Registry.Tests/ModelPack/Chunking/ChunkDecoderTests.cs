using System.Buffers;
using System.Buffers.Binary;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Chunking;

[TestClass]
public sealed class ChunkDecoderTests
{
    private static readonly ChunkEncoder Encoder = new(ZstdCompressor.Shared);
    private static readonly ChunkDecoder Decoder = new(ZstdCompressor.Shared);

    public required TestContext TestContext { get; init; }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2 * 1024 * 1024)]
    [DataRow((5 * 1024 * 1024) + 3)]
    public async Task Decode_OfWhatWasEncoded_GivesTheBytesBack(int length)
    {
        byte[] content = Samples.Weights(length);
        (ChunkEntry chunk, byte[] stored) = await EncodeAsync(content);
        CollectionAssert.AreEqual(content, await DecodeAsync(chunk, new MemoryStream(stored)));
        CollectionAssert.AreEqual(content, await DecodeAsync(chunk, new DripStream(stored)));
    }

    [TestMethod]
    public async Task Decode_OfAMixedChunk_GivesTheBytesBack()
    {
        byte[] content = [.. Samples.Weights(2 * 1024 * 1024), .. Samples.Noise(2 * 1024 * 1024), .. new byte[2 * 1024 * 1024]];
        (ChunkEntry chunk, byte[] stored) = await EncodeAsync(content);
        Assert.AreEqual(ChunkEncoding.Zstd, chunk.Encoding);
        CollectionAssert.AreEqual(content, await DecodeAsync(chunk, new MemoryStream(stored)));
    }

    [TestMethod]
    public async Task Decode_WithAnyBitFlipped_IsRefused()
    {
        var random = new Random(11);
        foreach (byte[] content in (byte[][])[Samples.Weights(2_500_000), Samples.Noise(2_500_000)])
        {
            (ChunkEntry chunk, byte[] stored) = await EncodeAsync(content);
            for (int i = 0; i < 40; i++)
            {
                byte[] damaged = [.. stored];

                // The first bytes are the frame's header: the most interesting ones.
                int at = i < 15 ? i : random.Next(damaged.Length);
                damaged[at] ^= (byte)(1 << random.Next(8));
                await AssertCorruptAsync(chunk, damaged);
            }
        }
    }

    [TestMethod]
    public async Task Decode_OfTooFewOrTooManyBytes_IsRefused()
    {
        foreach (byte[] content in (byte[][])[Samples.Weights(2_500_000), Samples.Noise(2_500_000)])
        {
            (ChunkEntry chunk, byte[] stored) = await EncodeAsync(content);
            await AssertCorruptAsync(chunk, stored[..^1]);
            await AssertCorruptAsync(chunk, []);
            await AssertCorruptAsync(chunk, [.. stored, 0]);
        }
    }

    [TestMethod]
    public async Task Decode_OfAFrameThatClaimsAGigabyte_IsRefusedBeforeAnythingIsExpanded()
    {
        byte[] bomb = RleFrame(1u << 30, 128 * 1024);
        await AssertCorruptAsync(EntryFor(bomb, length: 1 << 30), bomb);
        await AssertCorruptAsync(EntryFor(bomb, length: 1000), bomb);
    }

    [TestMethod]
    public async Task Decode_OfMoreFramesThanThePromisedLength_GivesOutNoMoreThanPromised()
    {
        byte[] frame = RleFrame(128 * 1024, 128 * 1024);
        byte[] bomb = [.. Enumerable.Repeat(frame, 1000).SelectMany(bytes => bytes)];
        ChunkEntry chunk = EntryFor(bomb, length: 300_000);
        long received = 0;
        await Assert.ThrowsExactlyAsync<ChunkCorruptException>(() => Decoder.DecodeAsync(chunk, new MemoryStream(bomb), Count, TestContext.CancellationToken));
        Assert.IsLessThanOrEqualTo(chunk.Length, received);

        ValueTask Count(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            received += bytes.Length;
            return ValueTask.CompletedTask;
        }
    }

    [TestMethod]
    public async Task Decode_OfAFrameWithoutContentSize_IsRefused()
    {
        // A valid frame of a streaming compressor: window descriptor and no size.
        byte[] frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x09, 0x00, 0x00, 0x41];
        await AssertCorruptAsync(EntryFor(frame, length: 1), frame);
    }

    [TestMethod]
    public async Task Decode_OfRandomBytes_IsRefusedAndNothingElse()
    {
        var random = new Random(5);
        byte[] good = (await EncodeAsync(Samples.Weights(50_000))).Stored;
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = i % 2 == 0 ? new byte[random.Next(1, 200)] : [.. good.Take(random.Next(5, 500))];
            random.NextBytes(i % 2 == 0 ? bytes : bytes.AsSpan(4, Math.Min(16, bytes.Length - 4)));
            await AssertCorruptAsync(EntryFor(bytes, random.Next(1, 100_000)), bytes);
        }
    }

    [TestMethod]
    public async Task Decode_WithAnotherLogicalDigest_IsRefused()
    {
        (ChunkEntry chunk, byte[] stored) = await EncodeAsync(Samples.Weights(100_000));
        await AssertCorruptAsync(chunk with { LogicalDigest = Digest.Sha256Of([1]) }, stored);
        (chunk, stored) = await EncodeAsync(Samples.Noise(100_000));
        await AssertCorruptAsync(chunk with { LogicalDigest = Digest.Sha256Of([1]) }, stored);
        await AssertCorruptAsync(chunk with { StoredDigest = Digest.Sha256Of([1]) }, stored);
    }

    private static ChunkEntry EntryFor(byte[] stored, long length) => new()
    {
        Index = 0,
        Offset = 0,
        Length = length,
        LogicalDigest = Digest.Sha256Of([]),
        StoredDigest = Digest.Sha256Of(stored),
        StoredLength = stored.Length,
        Encoding = ChunkEncoding.Zstd,
    };

    /// <summary>A frame that says how much it holds and repeats one byte: a few bytes that expand to anything.</summary>
    private static byte[] RleFrame(uint claimed, int block)
    {
        // Descriptor 0xA0: single segment, four bytes of content size.
        byte[] frame = [0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 0, 0, 0, 0, 0x41];
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(5), claimed);
        int header = (block << 3) | (1 << 1) | 1;
        frame[9] = (byte)header;
        frame[10] = (byte)(header >> 8);
        frame[11] = (byte)(header >> 16);
        return frame;
    }

    private static async Task<(ChunkEntry Chunk, byte[] Stored)> EncodeAsync(byte[] content)
    {
        using EncodedChunk encoded = await Encoder.EncodeAsync(new ReadOnlySequence<byte>(content));
        byte[] stored = encoded.Content.ToArray();
        Assert.AreEqual(Digest.Sha256Of(stored), encoded.StoredDigest);
        Assert.AreEqual(Digest.Sha256Of(content), encoded.LogicalDigest);
        return (new ChunkEntry
        {
            Index = 0,
            Offset = 0,
            Length = content.Length,
            LogicalDigest = encoded.LogicalDigest,
            StoredDigest = encoded.StoredDigest,
            StoredLength = stored.Length,
            Encoding = encoded.Encoding,
        }, stored);
    }

    private async Task<byte[]> DecodeAsync(ChunkEntry chunk, Stream stored)
    {
        byte[] content = new byte[chunk.Length];
        await Decoder.DecodeAsync(chunk, stored, (offset, bytes, _) =>
        {
            bytes.CopyTo(content.AsMemory((int)offset));
            return ValueTask.CompletedTask;
        }, TestContext.CancellationToken);
        return content;
    }

    private async Task AssertCorruptAsync(ChunkEntry chunk, byte[] stored) =>
        await Assert.ThrowsExactlyAsync<ChunkCorruptException>(() => DecodeAsync(chunk, new MemoryStream(stored)));

    /// <summary>Gives out a few bytes at a time, the way a network may.</summary>
    private sealed class DripStream(byte[] content) : MemoryStream(content)
    {
        private readonly Random _random = new(1);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, _random.Next(1, 100_000))], cancellationToken);
    }
}
