using System.Runtime.CompilerServices;
using System.Text;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>Tags of a repository: a name each, and the digest it stands for.</summary>
internal sealed class TagStore(IStorageBackend backend)
{
    // The longest digest is sha512's.
    private const int MaxLength = 7 + 128;

    /// <summary>The digest behind a tag, or null.</summary>
    /// <exception cref="RegistryException">UNAVAILABLE, when the bytes of the tag have rotted.</exception>
    public async ValueTask<Digest?> ResolveAsync(string repository, string tag, CancellationToken cancellationToken) =>
        await backend.ReadAllAsync(StoragePaths.Tag(repository, tag), MaxLength, cancellationToken) switch
        {
            null => null,
            { } content when Digest.TryParse(Encoding.ASCII.GetString(content), out Digest digest) => digest,
            _ => throw new RegistryException(RegistryError.Unavailable, $"Tag {tag} of {repository} is damaged; set it again, or delete it."),
        };

    public async ValueTask SetAsync(string repository, string tag, Digest digest, CancellationToken cancellationToken) =>
        await backend.PutAsync(StoragePaths.Tag(repository, tag), Encoding.ASCII.GetBytes(digest.ToString()), PutMode.Replace, cancellationToken);

    public ValueTask<bool> DeleteAsync(string repository, string tag, CancellationToken cancellationToken) =>
        backend.DeleteAsync(StoragePaths.Tag(repository, tag), cancellationToken);

    /// <summary>Tags after <paramref name="last"/>, whatever text that is, in ordinal ("ASCIIbetical") order.</summary>
    public async IAsyncEnumerable<string> ListAsync(string repository, string? last, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string folder = StoragePaths.TagsOf(repository);

        // Not every medium takes any text as a key to go on after: from where it can be none of a tag's, comparing is ours.
        string start = last is null ? "" : last[..LengthAsTag(last)];
        await foreach (StorageEntry entry in backend.ListAsync(folder, start.Length == 0 ? null : folder + start, cancellationToken))
        {
            string tag = entry.Path[folder.Length..];
            if (last is null || string.CompareOrdinal(tag, last) > 0)
            {
                yield return tag;
            }
        }
    }

    /// <summary>How many characters of a text could begin a tag.</summary>
    private static int LengthAsTag(string text)
    {
        int length = 0;
        while (length < text.Length && Reference.IsTag(text[..(length + 1)]))
        {
            length++;
        }

        return length;
    }

    /// <summary>Removes every tag that names the digest.</summary>
    public async Task DeleteAllOfAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        await foreach (string tag in ListAsync(repository, null, cancellationToken))
        {
            if (await ResolveAsync(repository, tag, cancellationToken) == digest)
            {
                await DeleteAsync(repository, tag, cancellationToken);
            }
        }
    }
}
