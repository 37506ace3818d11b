using System.Security.Cryptography;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;
using Microsoft.Win32.SafeHandles;

namespace AiModels.NodeAgent.Materialization;

/// <summary>Reads a finished model's files again and compares every chunk with its digest, slowly enough to be unnoticed.</summary>
internal sealed class FolderCheck(long bytesPerSecond, TimeProvider time)
{
    // 1 MiB: at the slowest sensible rates still a pause of no more than a second.
    private const int PieceSize = 1024 * 1024;

    /// <summary>The first thing that is wrong, in words; null when everything is as the digests say.</summary>
    public async Task<string?> FindDamageAsync(string folder, IReadOnlyList<FileEntry> files, CancellationToken cancellationToken)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(PieceSize);
        foreach (FileEntry file in files)
        {
            string path = Path.Combine(folder, file.Path);
            if (new FileInfo(path) is not { Exists: true } info || info.Length != file.Length)
            {
                return $"{file.Path} is missing or has another size";
            }

            using SafeFileHandle handle = File.OpenHandle(path);
            foreach (ChunkEntry chunk in file.Chunks)
            {
                if (!await IsRightAsync(handle, chunk, buffer, cancellationToken))
                {
                    return $"{file.Path}: the {chunk.Length} bytes from {chunk.Offset} do not have the digest {chunk.LogicalDigest}";
                }
            }
        }

        return null;
    }

    private async Task<bool> IsRightAsync(SafeFileHandle file, ChunkEntry chunk, byte[] buffer, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = DigestCheck.Begin(chunk.LogicalDigest);
        for (long offset = chunk.Offset; offset < chunk.End;)
        {
            long started = time.GetTimestamp();
            int count = await RandomAccess.ReadAsync(file, buffer.AsMemory(0, (int)Math.Min(PieceSize, chunk.End - offset)), offset, cancellationToken);
            if (count == 0)
            {
                return false;
            }

            hash.AppendData(buffer, 0, count);
            offset += count;
            TimeSpan due = TimeSpan.FromSeconds((double)count / bytesPerSecond) - time.GetElapsedTime(started);
            await Task.Delay(due > TimeSpan.Zero ? due : TimeSpan.Zero, time, cancellationToken);
        }

        return DigestCheck.Matches(chunk.LogicalDigest, hash);
    }
}
