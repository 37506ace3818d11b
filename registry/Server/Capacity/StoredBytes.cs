using AiModels.Registry.Storage;

namespace AiModels.Registry.Capacity;

/// <summary>Bytes on the medium: of blobs, and of uploads that are not blobs yet.</summary>
internal readonly record struct StoredBytes(long Blobs, long Staged)
{
    public static StoredBytes operator +(StoredBytes left, StoredBytes right) => new(left.Blobs + right.Blobs, left.Staged + right.Staged);

    public static StoredBytes operator -(StoredBytes left, StoredBytes right) => new(left.Blobs - right.Blobs, left.Staged - right.Staged);

    /// <summary>What an object counts for.</summary>
    public static StoredBytes Of(string path, long length) => path switch
    {
        _ when StoragePaths.IsUploadPart(path) => new StoredBytes(0, length),
        _ when Counts(path) => new StoredBytes(length, 0),
        _ => default,
    };

    /// <summary>Whether objects at this path count; links, tags, notes and second copies of manifests do not.</summary>
    public static bool Counts(string path) =>
        path.StartsWith(StoragePaths.Blobs, StringComparison.Ordinal) || path.StartsWith(StoragePaths.Quarantine, StringComparison.Ordinal) || StoragePaths.IsUploadPart(path);
}
