using System.Buffers;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Chunking;

[TestClass]
[DoNotParallelize] // Some tests count the process's segments.
public sealed class ChunkedFileWriterTests
{
    // Small chunks make many of them out of few bytes.
    private const int ChunkSize = 4 * 1024 * 1024;

    private static readonly ChunkEncoder Encoder = new(ZstdCompressor.Shared);
    private static readonly byte[] File = [.. Samples.Weights(9 * 1024 * 1024), .. Samples.Noise(5 * 1024 * 1024), .. Samples.Weights(1_234_567, seed: 2)];

    public required TestContext TestContext { get; init; }

    private CancellationToken Cancellation => TestContext.CancellationToken;

    [TestMethod]
    public async Task Complete_WithAnyWriteSizes_GivesTheSameChunks()
    {
        IReadOnlyList<ChunkEntry> expected = await WriteAllAsync(File, length: File.Length, [File.Length]);
        var random = new Random(7);
        foreach (long? length in (long?[])[File.Length, null])
        {
            int[] sizes = [.. Enumerable.Range(0, 200).Select(_ => random.Next(1, 700_000))];
            CollectionAssert.AreEqual(expected.ToArray(), (await WriteAllAsync(File, length, sizes)).ToArray());
        }
    }

    [TestMethod]
    public async Task Complete_OfAFile_CoversItAndDecodesToIt()
    {
        var sink = new MemoryBlobSink();
        await using ChunkedFileWriter writer = Writer(sink, File.Length);
        await writer.WriteAsync(File, Cancellation);
        IReadOnlyList<ChunkEntry> chunks = await writer.CompleteAsync(Cancellation);

        byte[] back = new byte[File.Length];
        foreach (ChunkEntry chunk in chunks)
        {
            await new ChunkDecoder(ZstdCompressor.Shared).DecodeAsync(chunk, new MemoryStream(sink.Blobs[chunk.StoredDigest]), Into(back), Cancellation);
        }

        CollectionAssert.AreEqual(File, back);
        Assert.AreEqual(File.Length, chunks[^1].End);
    }

    [TestMethod]
    public async Task Complete_OfWeights_StoresThemCompressedAndNoiseRaw()
    {
        IReadOnlyList<ChunkEntry> weights = await WriteAllAsync(Samples.Weights(2 * ChunkSize), 2 * ChunkSize, [1 << 20]);
        IReadOnlyList<ChunkEntry> noise = await WriteAllAsync(Samples.Noise(2 * ChunkSize), 2 * ChunkSize, [1 << 20]);

        Assert.IsTrue(weights.All(chunk => chunk.Encoding == ChunkEncoding.Zstd && chunk.StoredLength < 0.85 * chunk.Length));
        Assert.IsTrue(noise.All(chunk => chunk.Encoding == ChunkEncoding.Raw && chunk.StoredDigest == chunk.LogicalDigest));
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(ChunkSize)]
    public async Task Complete_OfOneChunk_IsOneRawChunkWhetherTheLengthWasKnownOrNot(int length)
    {
        byte[] file = Samples.Weights(length);
        foreach (long? announced in (long?[])[length, null])
        {
            ChunkEntry only = (await WriteAllAsync(file, announced, [100_000])).Single();
            Assert.AreEqual(ChunkEncoding.Raw, only.Encoding);
            Assert.AreEqual(Digest.Sha256Of(file), only.StoredDigest);
            Assert.AreEqual(length, only.Length);
        }
    }

    [TestMethod]
    public async Task Write_AfterResumeAtEveryChunk_GivesTheSameChunks()
    {
        IReadOnlyList<ChunkEntry> expected = await WriteAllAsync(File, File.Length, [File.Length]);
        for (int kept = 0; kept <= expected.Count; kept++)
        {
            await using ChunkedFileWriter writer = Writer(new MemoryBlobSink(), File.Length, [.. expected.Take(kept)]);
            Assert.AreEqual(writer.CommittedLength, writer.Position);
            await writer.WriteAsync(File.AsMemory((int)writer.Position), Cancellation);
            CollectionAssert.AreEqual(expected.ToArray(), (await writer.CompleteAsync(Cancellation)).ToArray());
        }
    }

    [TestMethod]
    public async Task Tail_WrittenIntoTheNextWriter_GivesTheSameChunks()
    {
        IReadOnlyList<ChunkEntry> expected = await WriteAllAsync(File, File.Length, [File.Length]);
        var random = new Random(3);
        byte[] tail = [];
        IReadOnlyList<ChunkEntry> committed = [];
        long position = 0;
        while (position < File.Length)
        {
            await using ChunkedFileWriter writer = Writer(new MemoryBlobSink(), File.Length, committed);
            await writer.WriteAsync(tail, Cancellation);
            int count = (int)Math.Min(random.Next(1, 3_000_000), File.Length - position);
            await writer.WriteAsync(File.AsMemory((int)position, count), Cancellation);
            await writer.FlushAsync(Cancellation);
            position += count;
            Assert.AreEqual(position, writer.Position);
            Assert.AreEqual(position - writer.CommittedLength, writer.Tail.Length);
            tail = writer.Tail.ToArray();
            committed = writer.Committed;
        }

        await using ChunkedFileWriter last = Writer(new MemoryBlobSink(), File.Length, committed);
        await last.WriteAsync(tail, Cancellation);
        CollectionAssert.AreEqual(expected.ToArray(), (await last.CompleteAsync(Cancellation)).ToArray());
    }

    [TestMethod]
    public async Task OnCommitted_WhenLaterChunksAreStoredFirst_IsStillCalledInOrder()
    {
        var first = new TaskCompletionSource();
        int puts = 0;
        var sink = new MemoryBlobSink { Before = async (_, cancellation) => await (Interlocked.Increment(ref puts) == 1 ? first.Task.WaitAsync(cancellation) : Task.CompletedTask) };
        var order = new List<int>();
        await using var writer = new ChunkedFileWriter(sink, Encoder, new ChunkedFileWriterOptions
        {
            ChunkSize = ChunkSize,
            OnCommitted = (chunk, _) =>
            {
                order.Add(chunk.Index);
                return ValueTask.CompletedTask;
            },
        });
        await writer.WriteAsync(File, Cancellation);
        Assert.IsEmpty(writer.Committed);
        first.SetResult();
        await writer.CompleteAsync(Cancellation);

        CollectionAssert.AreEqual(Enumerable.Range(0, 4).ToArray(), order);
    }

    [TestMethod]
    public async Task Write_AfterTheSinkFailed_ThrowsWhatItFailedWith()
    {
        var sink = new MemoryBlobSink { Before = (_, _) => throw new IOException("the disk is gone") };
        await using ChunkedFileWriter writer = Writer(sink, length: 40L * ChunkSize);
        byte[] block = new byte[ChunkSize];
        IOException failure = await Assert.ThrowsExactlyAsync<IOException>(async () =>
        {
            for (int i = 0; i < 40; i++)
            {
                await writer.WriteAsync(block, Cancellation);
            }
        });

        Assert.AreEqual("the disk is gone", failure.Message);
        Assert.IsEmpty(writer.Committed);
    }

    [TestMethod]
    public async Task Write_WhenTheSinkStandsStill_WaitsWithBoundedBuffers()
    {
        int before = Segment.InUse;
        var sink = new MemoryBlobSink { Before = (_, cancellation) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation) };
        await using (ChunkedFileWriter writer = Writer(sink, length: null))
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            Task writing = writer.WriteAsync(new byte[40 * ChunkSize], patience.Token).AsTask();
            while (writer.Position < 40L * 1024 * 1024)
            {
                await Task.Yield();
            }

            Assert.IsLessThanOrEqualTo(40, Segment.InUse - before);
            Assert.IsFalse(writing.IsCompleted);
            await patience.CancelAsync();
            await Assert.ThrowsAsync<OperationCanceledException>(() => writing);
        }

        Assert.AreEqual(before, Segment.InUse);
    }

    [TestMethod]
    public async Task Dispose_WithoutComplete_ReturnsEveryBufferAndStopsTheSink()
    {
        int before = Segment.InUse;
        bool cancelled = false;
        var sink = new MemoryBlobSink
        {
            Before = async (_, cancellation) =>
            {
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
                }
                finally
                {
                    cancelled = cancellation.IsCancellationRequested;
                }
            },
        };
        ChunkedFileWriter writer = Writer(sink, File.Length);
        await writer.WriteAsync(File.AsMemory(0, (2 * ChunkSize) + 12345), Cancellation);
        await writer.DisposeAsync();

        Assert.IsTrue(cancelled);
        Assert.AreEqual(before, Segment.InUse);
    }

    [TestMethod]
    public async Task Write_BeyondTheAnnouncedLength_IsRefused()
    {
        await using ChunkedFileWriter writer = Writer(new MemoryBlobSink(), length: 10);
        await writer.WriteAsync(new byte[10], Cancellation);
        InvalidDataException error = await Assert.ThrowsExactlyAsync<InvalidDataException>(async () => await writer.WriteAsync(new byte[1], Cancellation));
        StringAssert.Contains(error.Message, "10");
    }

    [TestMethod]
    public async Task Complete_BeforeTheAnnouncedLength_IsRefused()
    {
        await using ChunkedFileWriter writer = Writer(new MemoryBlobSink(), length: 10);
        await writer.WriteAsync(new byte[9], Cancellation);
        InvalidDataException error = await Assert.ThrowsExactlyAsync<InvalidDataException>(async () => await writer.CompleteAsync(Cancellation));
        StringAssert.Contains(error.Message, "9");
    }

    [TestMethod]
    public async Task New_WithChunksOfAnotherCut_IsRefused()
    {
        IReadOnlyList<ChunkEntry> chunks = await WriteAllAsync(File, File.Length, [File.Length]);
        Assert.ThrowsExactly<ArgumentException>(() => Writer(new MemoryBlobSink(), File.Length, [chunks[1]]));
        Assert.ThrowsExactly<ArgumentException>(() => new ChunkedFileWriter(
            new MemoryBlobSink(), Encoder, new ChunkedFileWriterOptions { ChunkSize = 2 * ChunkSize, Length = File.Length, Committed = [.. chunks.Take(2)] }));
    }

    [TestMethod]
    public async Task Write_OfAGigabyte_StaysWithinItsBuffers()
    {
        int before = Segment.InUse;
        int most = 0;
        var sink = new MemoryBlobSink();
        byte[] block = Samples.Weights(AiModels.ModelPack.Chunking.ChunkSize.Smallest);
        var options = new ChunkedFileWriterOptions { Length = 1L << 30 };
        await using var writer = new ChunkedFileWriter(sink, Encoder, options);
        for (int i = 0; i < (1 << 30) / block.Length; i++)
        {
            await writer.WriteAsync(block, Cancellation);
            most = Math.Max(most, Segment.InUse - before);
        }

        Assert.HasCount((1 << 30) / block.Length, await writer.CompleteAsync(Cancellation));
        Assert.IsLessThanOrEqualTo(options.MaxBytesInFlight, (long)most * Segment.Size);
    }

    private static ChunkedFileWriter Writer(IBlobSink sink, long? length, IReadOnlyList<ChunkEntry>? committed = null) =>
        new(sink, Encoder, new ChunkedFileWriterOptions { ChunkSize = ChunkSize, Length = length, Committed = committed ?? [] });

    private static ChunkReceiver Into(byte[] file) => (offset, bytes, _) =>
    {
        bytes.CopyTo(file.AsMemory((int)offset));
        return ValueTask.CompletedTask;
    };

    private async Task<IReadOnlyList<ChunkEntry>> WriteAllAsync(byte[] file, long? length, int[] sizes)
    {
        await using ChunkedFileWriter writer = Writer(new MemoryBlobSink(), length);
        int position = 0;
        for (int i = 0; position < file.Length; i++)
        {
            int count = Math.Min(sizes[i % sizes.Length], file.Length - position);
            await writer.WriteAsync(file.AsMemory(position, count), Cancellation);
            position += count;
        }

        return await writer.CompleteAsync(Cancellation);
    }
}
