using System.Buffers;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Client;

/// <summary>Puts chunks into a repository.</summary>
public sealed class RegistryBlobSink(RegistryClient client, string repository) : IBlobSink
{
    public Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken) =>
        client.PutBlobAsync(repository, digest, content, cancellationToken);
}
