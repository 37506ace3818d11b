using System.Buffers;
using System.Diagnostics;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;

namespace AiModels.Bench;

/// <summary>How many bytes are stored of a file of each kind of content, as a part of its own. Prints "KIND RATIO MB/s" lines.</summary>
internal static class StoredRatio
{
    public static async Task RunAsync(int bytes, CancellationToken cancellationToken)
    {
        foreach (string kind in SyntheticTensor.Kinds)
        {
            byte[] content = new byte[bytes];
            int part = bytes / Environment.ProcessorCount;
            Parallel.For(0, Environment.ProcessorCount, i => SyntheticTensor.Fill(kind, i + 1, content.AsSpan(i * part, part)));
            var sink = new CountingSink();
            long start = Stopwatch.GetTimestamp();
            await using var writer = new ChunkedFileWriter(sink, new ChunkEncoder(ZstdCompressor.Shared), new ChunkedFileWriterOptions { Length = bytes });
            await writer.WriteAsync(content, cancellationToken);
            await writer.CompleteAsync(cancellationToken);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Console.WriteLine($"{kind} {(double)sink.Bytes / bytes:0.000} {bytes / 1e6 / seconds:0}");
        }
    }

    private sealed class CountingSink : IBlobSink
    {
        private long _bytes;

        public long Bytes => Interlocked.Read(ref _bytes);

        public Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
        {
            Interlocked.Add(ref _bytes, content.Length);
            return Task.CompletedTask;
        }
    }
}
