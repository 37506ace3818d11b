using System.Buffers;
using System.Collections.Concurrent;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack;

/// <summary>Keeps blobs in memory; checks that content has the digest it is stored under.</summary>
internal sealed class MemoryBlobSink : IBlobSink
{
    public ConcurrentDictionary<Digest, byte[]> Blobs { get; } = new();

    /// <summary>Runs before a blob is kept; throws or waits where a test wants it.</summary>
    public Func<Digest, CancellationToken, Task> Before { get; set; } = (_, _) => Task.CompletedTask;

    public async Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
    {
        await Before(digest, cancellationToken);
        byte[] bytes = content.ToArray();
        Assert.AreEqual(Digest.Sha256Of(bytes), digest);
        Blobs[digest] = bytes;
    }
}
