using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Capacity;

/// <summary>How much a repository holds: its blobs, each in full, whoever else holds them too.</summary>
internal sealed class RepositoryContent(IStorageBackend backend)
{
    // On an object store each length is a request; a model of 8,192 chunks should not wait for them one by one.
    private const int ParallelLookups = 16;

    public async Task<long> SizeAsync(string repository, CancellationToken cancellationToken)
    {
        var digests = new List<Digest>();
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.BlobLinksOf(repository), null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest))
            {
                digests.Add(digest);
            }
        }

        long sum = 0;
        await Parallel.ForEachAsync(digests, new ParallelOptions { MaxDegreeOfParallelism = ParallelLookups, CancellationToken = cancellationToken }, async (digest, token) =>
        {
            if (await backend.StatAsync(StoragePaths.Blob(digest), token) is { } blob)
            {
                Interlocked.Add(ref sum, blob.Length);
            }
        });
        return sum;
    }
}
