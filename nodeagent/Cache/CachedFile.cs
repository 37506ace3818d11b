using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;

namespace AiModels.NodeAgent.Cache;

/// <summary>A file of a complete model, as the index keeps it.</summary>
/// <param name="Path">Inside the model's folder.</param>
/// <param name="Length">Bytes; what the quick look at start compares.</param>
/// <param name="Content">Equal for files of equal bytes, whatever model they are in: they share one copy on the disk.</param>
internal sealed record CachedFile(string Path, long Length, string Content)
{
    public static CachedFile Of(FileEntry file) => new(file.Path, file.Length, ContentOf(file));

    /// <summary>
    /// The name of a file's bytes: a digest over its chunks' digests. Files of equal bytes in models of very different sizes are cut differently and count as different:
    /// that costs room, never correctness.
    /// </summary>
    public static string ContentOf(FileEntry file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ChunkEntry chunk in file.Chunks)
        {
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{chunk.Length} {chunk.LogicalDigest}\n")));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
