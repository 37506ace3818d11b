using System.Buffers;
using System.Diagnostics;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Compression.Literals;
using AiModels.ModelPack.Oci;

namespace AiModels.Bench;

/// <summary>Where the time of receiving a file goes: the whole writer with a sink that costs nothing, and decoding again.</summary>
internal static class EncodeStages
{
    public static async Task RunAsync(string path, CancellationToken cancellationToken)
    {
        byte[] block = new byte[ChunkSize.Smallest * 4];
        await using (FileStream file = File.OpenRead(path))
        {
            await file.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken);
        }

        CompareFrames(block);
        const int Rounds = 16;
        for (int run = 0; run < 3; run++)
        {
            var sink = new CountingSink();
            TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            await using var writer = new ChunkedFileWriter(sink, new ChunkEncoder(ZstdCompressor.Shared), new ChunkedFileWriterOptions { Length = (long)block.Length * Rounds });
            for (int i = 0; i < Rounds; i++)
            {
                await writer.WriteAsync(block, cancellationToken);
            }

            IReadOnlyList<ChunkEntry> chunks = await writer.CompleteAsync(cancellationToken);
            Report("encode", (long)block.Length * Rounds, start, processor);
            Console.WriteLine($"  ratio {chunks.Sum(chunk => (double)chunk.Length) / chunks.Sum(chunk => chunk.StoredLength):0.0000}");

            processor = Process.GetCurrentProcess().TotalProcessorTime;
            start = Stopwatch.GetTimestamp();
            var decoder = new ChunkDecoder(ZstdCompressor.Shared);
            await Parallel.ForEachAsync(chunks, cancellationToken, async (chunk, cancellation) =>
                await decoder.DecodeAsync(chunk, new MemoryStream(sink.Blobs[chunk.StoredDigest]), (_, _, _) => default, cancellation));
            Report("decode", (long)block.Length * Rounds, start, processor);
        }
    }

    /// <summary>One frame after the other on one thread, alternating, so that a busy machine disturbs both alike.</summary>
    private static void CompareFrames(byte[] block)
    {
        const int FrameLength = 2 * 1024 * 1024;
        byte[] output = new byte[FrameLength + (64 * 1024)];
        byte[] back = new byte[FrameLength];
        double general = 0;
        double sampling = 0;
        double literals = 0;
        double hashing = 0;
        double expanding = 0;
        long generalBytes = 0;
        long literalBytes = 0;
        for (int round = 0; round < 8; round++)
        {
            for (int offset = 0; offset < block.Length; offset += FrameLength)
            {
                byte[] frame = block[offset..(offset + FrameLength)];
                long t0 = Stopwatch.GetTimestamp();
                generalBytes += ZstdCompressor.Shared.Compress(frame, output);
                long t1 = Stopwatch.GetTimestamp();
                FrameSample sample = FrameSample.Of(frame, ZstdCompressor.Shared);
                long t2 = Stopwatch.GetTimestamp();
                int length = LiteralFrameEncoder.TryEncode(frame, sample.Counts, output);
                long t3 = Stopwatch.GetTimestamp();
                System.Security.Cryptography.SHA256.HashData(frame);
                long t4 = Stopwatch.GetTimestamp();
                ZstdCompressor.Shared.Decompress(output.AsSpan(0, length), back);
                long t5 = Stopwatch.GetTimestamp();
                if (!frame.AsSpan().SequenceEqual(back))
                {
                    throw new InvalidDataException("A frame did not expand to what it was made of.");
                }

                literalBytes += length;
                general += t1 - t0;
                sampling += t2 - t1;
                literals += t3 - t2;
                hashing += t4 - t3;
                expanding += t5 - t4;
            }
        }

        double total = 8.0 * block.Length;
        Console.WriteLine($"zstd -1 {total / general:0.00} GB/s {total / generalBytes:0.0000}, sample {total / sampling:0.00}, literals {total / literals:0.00} {total / literalBytes:0.0000}, sha256 {total / hashing:0.00}, expand {total / expanding:0.00}");
    }

    private static void Report(string what, long bytes, long start, TimeSpan processor)
    {
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double used = (Process.GetCurrentProcess().TotalProcessorTime - processor).TotalSeconds;
        Console.WriteLine($"{what}: {bytes / seconds / 1e9:0.00} GB/s, {used / (bytes / (double)(1 << 30)):0.00} processor seconds per GiB");
    }

    private sealed class CountingSink : IBlobSink
    {
        public System.Collections.Concurrent.ConcurrentDictionary<Digest, byte[]> Blobs { get; } = new();

        public Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
        {
            if (!Blobs.ContainsKey(digest))
            {
                Blobs[digest] = content.ToArray();
            }

            return Task.CompletedTask;
        }
    }
}
