using System.Diagnostics;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using Microsoft.Win32.SafeHandles;

namespace AiModels.Bench;

/// <summary>The byte path alone: file to registry and back, without an API server between. Prints seconds.</summary>
internal static class RegistryTransfer
{
    public static async Task PushAsync(string address, string repository, string path, CancellationToken cancellationToken)
    {
        using RegistryClient client = Client(address);
        await client.PingAsync(cancellationToken);
        long start = Stopwatch.GetTimestamp();
        var writer = new ModelPackWriter(client, repository);
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, useAsync: true);
        var options = new ChunkedFileWriterOptions { ChunkSize = ChunkSize.For(file.Length), Length = file.Length };
        FileEntry entry = await writer.WriteFileAsync(Path.GetFileName(path), file, options, cancellationToken);
        PackedManifest packed = await writer.PublishAsync([entry], new ModelDescription(), "model", cancellationToken);
        Report(start);
        Console.Error.WriteLine($"{packed.Digest} {packed.StoredBytes} of {packed.LogicalBytes} bytes");
    }

    public static async Task PullAsync(string address, string repository, string folder, CancellationToken cancellationToken)
    {
        using RegistryClient client = Client(address);
        await client.PingAsync(cancellationToken);
        long start = Stopwatch.GetTimestamp();
        ModelPackReader reader = await ModelPackReader.OpenAsync(client, repository, "model", cancellationToken);
        foreach (FileEntry file in reader.Files)
        {
            string path = Path.Combine(folder, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using SafeFileHandle handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, file.Length);
            await reader.CopyToAsync(file, new FileTarget(handle), new CopyOptions(), cancellationToken);
            RandomAccess.FlushToDisk(handle);
        }

        Report(start);
    }

    private static RegistryClient Client(string address) => new(new RegistryClientOptions { Address = address });

    private static void Report(long start)
    {
        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:0.000}");
        Console.Error.WriteLine($"processor {Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:0.00} s, peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MiB");
    }

    private sealed class FileTarget(SafeFileHandle handle) : IFileTarget
    {
        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            RandomAccess.Write(handle, bytes.Span, offset);
            return ValueTask.CompletedTask;
        }
    }
}
