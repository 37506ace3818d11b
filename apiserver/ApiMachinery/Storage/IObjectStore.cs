namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// The seam to the database: a map from <see cref="ObjectKey"/> to bytes with one global, strictly increasing revision.
/// It knows nothing of Kubernetes. Every engine passes the same contract suite (test/ApiServer.Tests/Storage/ObjectStoreContract.cs).
/// <para>
/// Durability: when a write's task has completed, the write is on disk and survives a kill at any later instant.
/// Order: revisions are handed out in commit order; a reader that sees revision N sees every write up to N.
/// Bytes: values are opaque and come back as they were written (the resourceVersion is not part of them: it is the revision).
/// They are handed over, not copied, on the way in and out: nobody may change the memory afterwards.
/// </para>
/// </summary>
public interface IObjectStore : IAsyncDisposable
{
    /// <summary>Revision of the newest committed write; at least 1, also when empty.</summary>
    ValueTask<long> GetRevisionAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Up to this revision every open watch has been given what concerns it, or finds it ready; what a bookmark may promise. Behind
    /// <see cref="GetRevisionAsync"/> when another process wrote and its changes have not come here yet. Asks nobody.
    /// </summary>
    long WatchedRevision { get; }

    /// <summary>The newest committed state of one object, or null.</summary>
    ValueTask<StoredObject?> GetAsync(ObjectKey key, CancellationToken cancellationToken);

    /// <summary>
    /// An object as this process remembers it, without asking anybody: perhaps a little old, and null when it does not. For a write, which compares the
    /// revision, to begin with; never for an answer.
    /// </summary>
    StoredObject? Remember(ObjectKey key) => null;

    /// <summary>
    /// Objects under a prefix in bytewise key order, all as of one revision.
    /// Throws <see cref="RevisionCompactedException"/> for a revision no longer kept and <see cref="RevisionInFutureException"/> for one not yet reached.
    /// </summary>
    ValueTask<StoredList> ListAsync(ListRequest request, CancellationToken cancellationToken);

    /// <summary>Adds an object. <see cref="WriteOutcome.Exists"/> with the current object when the key is taken.</summary>
    ValueTask<WriteResult> CreateAsync(ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces an object that is still at <paramref name="expectedRevision"/>.
    /// <see cref="WriteOutcome.Conflict"/> with the current object when it is not, <see cref="WriteOutcome.NotFound"/> when it is gone.
    /// </summary>
    ValueTask<WriteResult> UpdateAsync(ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken);

    /// <summary>
    /// Removes an object that is still at <paramref name="expectedRevision"/>; outcomes as for update.
    /// On success the result holds the last value under the revision of the delete.
    /// </summary>
    ValueTask<WriteResult> DeleteAsync(ObjectKey key, long expectedRevision, CancellationToken cancellationToken);

    /// <summary>
    /// Every change under a prefix with a revision greater than <paramref name="afterRevision"/>, each exactly once, in revision order, until cancelled.
    /// Throws <see cref="RevisionCompactedException"/> when the history no longer reaches back that far (also later, when the reader is too slow).
    /// A revision in the future is waited for.
    /// </summary>
    IAsyncEnumerable<StoreEvent> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets history before <paramref name="revision"/>; current objects stay. Afterwards a list at exactly <paramref name="revision"/> and a watch
    /// after it still work; anything older throws <see cref="RevisionCompactedException"/>. A revision in the future compacts up to the newest.
    /// </summary>
    ValueTask CompactAsync(long revision, CancellationToken cancellationToken);
}

/// <summary>Which objects to list.</summary>
public sealed record ListRequest
{
    /// <summary>Key prefix, see <see cref="ObjectKey.PrefixOf"/>.</summary>
    public required string Prefix { get; init; }

    /// <summary>0 for the newest committed state, else exactly this revision.</summary>
    public long Revision { get; init; }

    /// <summary>At most so many objects; 0 for all.</summary>
    public int Limit { get; init; }

    /// <summary>False when it need only be told whether there is more: counting costs an engine time for every key that follows.</summary>
    public bool CountsRemaining { get; init; } = true;

    /// <summary>Only keys greater than this one (bytewise), for the next page.</summary>
    public string? After { get; init; }
}

/// <summary>A page of objects.</summary>
/// <param name="Revision">The revision the whole page is from.</param>
/// <param name="Objects">In bytewise key order.</param>
/// <param name="Remaining">How many more keys follow under the prefix (just 1 or more, when they were not to be counted); 0 at the end.</param>
public sealed record StoredList(long Revision, IReadOnlyList<StoredObject> Objects, long Remaining);

/// <summary>An object's bytes as of the revision that wrote them.</summary>
public sealed record StoredObject(ObjectKey Key, long Revision, ReadOnlyMemory<byte> Value);

/// <summary>What became of a write. Not being able to write because of the object's state is a value, not an exception.</summary>
public enum WriteOutcome
{
    Committed,
    Exists,
    NotFound,
    Conflict,
}

/// <summary>What became of a write.</summary>
/// <param name="Outcome">Whether it was committed, and why not.</param>
/// <param name="Object">Committed: the object as written. Exists and Conflict: the current one. NotFound: null.</param>
public readonly record struct WriteResult(WriteOutcome Outcome, StoredObject? Object);

/// <summary>Kinds of <see cref="StoreEvent"/>.</summary>
public enum StoreEventType
{
    Created,
    Updated,
    Deleted,
}

/// <summary>One committed change.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Object">The new object; for a delete the last value, under the revision of the delete.</param>
/// <param name="PreviousValue">The value before an update; null otherwise. Selectors need it to tell who starts or stops matching.</param>
public sealed record StoreEvent(StoreEventType Type, StoredObject Object, ReadOnlyMemory<byte>? PreviousValue);
