namespace AiModels.ModelPack.Chunking;

/// <summary>
/// How large the chunks of a model are. A function of the model's size alone, so that everybody cuts alike and the digest of the artifact
/// depends on nothing but the files.
/// </summary>
public static class ChunkSize
{
    /// <summary>16 MiB: small enough to keep a few in memory and to lose little by a restart, large enough to make the cost of a request vanish.</summary>
    public const int Smallest = 16 * 1024 * 1024;

    /// <summary>8192 full chunks describe themselves in less than 4 MiB of manifest, the size every registry accepts.</summary>
    public const int MaxFullChunks = 8192;

    /// <summary>1 GiB: a chunk must be buffered to know its digest before it is sent. Reached by models above 4 TiB.</summary>
    public const int Largest = 1024 * 1024 * 1024;

    /// <summary>Chunk size for a model of this many logical bytes; null when it is not known before the end.</summary>
    public static int For(long? totalBytes)
    {
        if (totalBytes is < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(totalBytes), totalBytes, "A model cannot have fewer than 0 bytes.");
        }

        long size = Smallest;
        while (totalBytes > size * MaxFullChunks && size < Largest)
        {
            size *= 2;
        }

        return (int)size;
    }
}
