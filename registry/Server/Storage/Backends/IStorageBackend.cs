using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Storage.Backends;

/// <summary>
/// Bytes under paths: all that the registry asks of a folder or a bucket. Semantics (digests, repositories, tags) live above it.
/// <para>
/// Paths are relative, <c>/</c>-separated, without empty, <c>.</c> or <c>..</c> segments (<see cref="MeasuredBackend"/> checks).
/// There is no rename and no append, because object stores have neither; what exists is complete, and changes only by being replaced or deleted.
/// Every write is durable and atomic when its call returns: after a crash it is there whole or not at all.
/// Reads see all completed writes. A full medium is <see cref="StorageFullException"/>, one that does not answer for now is
/// <see cref="StorageUnavailableException"/>, anything else that fails is an <see cref="IOException"/>.
/// </para>
/// </summary>
internal interface IStorageBackend
{
    /// <summary>For logs and metrics: <c>folder</c>, <c>s3</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Whether other processes may work on the same medium at the same time (a bucket), so that nothing that is only in this process's memory may be relied upon.
    /// Between them: a read that begins after a write, a delete or a list has ended sees it, and of many puts with <see cref="PutMode.IfAbsent"/> exactly one wins.
    /// </summary>
    bool IsShared { get; }

    /// <summary>Does nothing when the medium can be read and written; otherwise an <see cref="IOException"/> says what an operator should change.</summary>
    ValueTask CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// The medium's clock: the one <see cref="StorageEntry.Modified"/> is told by, so that ages are right although the processes' own clocks differ. Full seconds may be all it has;
    /// what is written after this call is never older than its answer.
    /// </summary>
    ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken);

    /// <summary>What is at the path, or null.</summary>
    ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken);

    /// <summary>Opens for reading from an offset to the end, or null when nothing is there. An offset at or behind the end reads nothing.</summary>
    ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken);

    /// <summary>As <see cref="OpenReadAsync"/>, when it is known how many bytes will be read at most: an object store then sends no more than those.</summary>
    ValueTask<StorageReader?> OpenRangeAsync(string path, long offset, long length, CancellationToken cancellationToken) => OpenReadAsync(path, offset, cancellationToken);

    /// <summary>Opens a writer for bulk bytes. Nothing is visible before its <see cref="IStorageWriter.CommitAsync"/>.</summary>
    ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken);

    /// <summary>Writes a small object in one call. Returns false, and changes nothing, when <paramref name="mode"/> is IfAbsent and something is there.</summary>
    ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken);

    /// <summary>
    /// Makes <paramref name="destination"/> the concatenation of <paramref name="sources"/>, which are gone afterwards; a crash leaves either all sources or the destination
    /// (and perhaps some sources). One source costs no copy where the medium can avoid it.
    /// </summary>
    ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken);

    /// <summary>Removes what is at the path. Returns whether there was something.</summary>
    ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken);

    /// <summary>
    /// All entries below a folder (<paramref name="folder"/> is empty or ends with <c>/</c>), recursively, in ordinal order of their paths, those after
    /// <paramref name="startAfter"/> only. Entries written or deleted meanwhile may or may not be seen; all others are seen exactly once.
    /// </summary>
    IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, CancellationToken cancellationToken);

    /// <summary>A URL from which a client may read the bytes for a while without passing through the registry, or null where the medium has none.</summary>
    ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Bytes the medium holds and can still take, or null where it does not know.</summary>
    ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken);
}

/// <summary>What a writer knows before its first byte. All of it is a hint that saves work: the path is confirmed at commit.</summary>
/// <param name="Path">Where the bytes will go, when that is known already: an object store then writes to the final key instead of copying.</param>
/// <param name="Length">How many bytes will come, when that is known.</param>
/// <param name="Repository">Whose bytes they are, when that is known: they may have been promised room.</param>
/// <param name="Digest">What they must hash to, when that is known: the caller compares before the commit, and a commit of other bytes may fail.</param>
internal readonly record struct WriteIntent(string? Path, long? Length, string? Repository = null, Digest? Digest = null);

/// <summary>Whether a put replaces.</summary>
internal enum PutMode
{
    Replace,
    IfAbsent,
}

/// <summary>One stored object.</summary>
/// <param name="Path">Path in the backend.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">When it was written, by the medium's clock (<see cref="IStorageBackend.GetTimeAsync"/>).</param>
internal readonly record struct StorageEntry(string Path, long Length, DateTimeOffset Modified);

/// <summary>Room on the medium, in bytes.</summary>
internal readonly record struct StorageSpace(long TotalBytes, long FreeBytes);
