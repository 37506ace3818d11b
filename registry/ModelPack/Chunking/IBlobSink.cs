using System.Buffers;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Chunking;

/// <summary>Where finished chunks go.</summary>
public interface IBlobSink
{
    /// <summary>
    /// Stores content under its digest; when the task has completed, it is durable. Storing what is there already succeeds and may cost nothing.
    /// The content is only valid during the call. Called for several chunks at once.
    /// </summary>
    Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken);
}
