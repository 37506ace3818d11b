using System.Text;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Keeps garbage collection and everybody who relies on a blob apart where several processes share the storage, by marks in the storage itself.
/// <code>
/// collection/condemned/sha256/abcd…   ID     a collector found that nothing holds the digest; the object's age is the age of that finding
/// collection/verdicts/ID              swept | rescued     written by whoever is first, the collector or somebody who relies on the digest; the other one loses
/// </code>
/// A digest goes when it has been condemned for longer than anybody takes from looking it up to writing a reference to it (<c>--gc-condemned-grace</c>), a mark that
/// began after that has found no reference, and the verdict is the collector's. So a reference written by somebody who looked before the condemnation is seen by the mark;
/// who looks afterwards finds the condemnation and rescues, or waits until the digest is gone and must bring the bytes.
/// Where one process owns the storage none of this is written: <see cref="BlobFence"/> is exact there.
/// </summary>
internal sealed class CondemnedDigests(IStorageBackend backend, RegistryOptions options, TimeProvider clock)
{
    private const string Swept = "swept";
    private const string Rescued = "rescued";
    private const int MaxNote = 64;

    // From here on one listing costs less than a look at each.
    private const int ListFrom = 64;

    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(200);

    // A collector that was killed at that very moment is followed by another one before this ends.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private Dictionary<Digest, DateTimeOffset> _known = [];
    private HashSet<Digest> _waiting = [];
    private DateTimeOffset _markBegan;
    private CollectionLease? _lease;

    /// <summary>For <see cref="IsOld"/>.</summary>
    public long Timestamp => clock.GetTimestamp();

    /// <summary>Whether a look at a digest was too long ago to be relied upon: a third of the time for which condemned digests are left alone; the rest is for writing the reference.</summary>
    public bool IsOld(long looked) => backend.IsShared && clock.GetElapsedTime(looked) > options.GcCondemnedGrace / 3;

    /// <summary>Makes sure that none of these is deleted by another process while a reference is written. Ends at once where one process owns the storage.</summary>
    /// <exception cref="StorageUnavailableException">A collector is about to delete one of them and does not come to an end.</exception>
    public async ValueTask RescueAsync(IReadOnlyCollection<Digest> digests, CancellationToken cancellationToken)
    {
        if (!backend.IsShared)
        {
            return;
        }

        foreach (Digest digest in digests.Count < ListFrom ? digests : await CondemnedOfAsync(digests, cancellationToken))
        {
            await RescueAsync(digest, cancellationToken);
        }
    }

    /// <summary>A collection begins.</summary>
    /// <param name="now">The storage's time, from before the mark.</param>
    public async Task BeginAsync(CollectionLease lease, DateTimeOffset now, CancellationToken cancellationToken)
    {
        (_lease, _markBegan) = (lease, now);
        (_known, _waiting) = ([], []);
        if (backend.IsShared)
        {
            await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Condemned, null, cancellationToken))
            {
                if (StoragePaths.TryReadTail(entry.Path, out Digest digest))
                {
                    _known[digest] = entry.Modified;
                }
            }

            await RemoveOldVerdictsAsync(now, cancellationToken);
        }
    }

    /// <summary>Digests that are condemned, at the last collection's begin.</summary>
    public IReadOnlyDictionary<Digest, DateTimeOffset> Known => _known;

    /// <summary>Whether a digest that nothing holds may be deleted now. If not yet, it is condemned from now on.</summary>
    public async ValueTask<bool> TrySentenceAsync(Digest digest, CancellationToken cancellationToken)
    {
        if (!backend.IsShared)
        {
            return true;
        }

        if (!_known.TryGetValue(digest, out DateTimeOffset since))
        {
            await backend.PutAsync(StoragePaths.CondemnedNote(digest), Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N")), PutMode.IfAbsent, cancellationToken);
            _waiting.Add(digest);
            return false;
        }

        if (_markBegan - since < options.GcCondemnedGrace)
        {
            _waiting.Add(digest);
            return false;
        }

        if (await ReadAsync(StoragePaths.CondemnedNote(digest), cancellationToken) is not { } id)
        {
            return false;
        }

        _lease!.Require();
        string verdict = StoragePaths.Verdict(id);
        bool isOurs = await backend.PutAsync(verdict, Encoding.ASCII.GetBytes(Swept), PutMode.IfAbsent, cancellationToken) || await ReadAsync(verdict, cancellationToken) == Swept;
        if (!isOurs)
        {
            await ForgetAsync(digest, id, cancellationToken);
        }

        return isOurs;
    }

    /// <summary>The digest is deleted.</summary>
    public async ValueTask ForgetAsync(Digest digest, CancellationToken cancellationToken)
    {
        if (backend.IsShared && await ReadAsync(StoragePaths.CondemnedNote(digest), cancellationToken) is { } id)
        {
            await ForgetAsync(digest, id, cancellationToken);
        }
    }

    /// <summary>Something holds the digest after all, unless only one of its references waits to be dropped.</summary>
    public async ValueTask AcquitAsync(Digest digest, CancellationToken cancellationToken)
    {
        if (_known.ContainsKey(digest) && !_waiting.Contains(digest) && await ReadAsync(StoragePaths.CondemnedNote(digest), cancellationToken) is { } id
            && (await backend.PutAsync(StoragePaths.Verdict(id), Encoding.ASCII.GetBytes(Rescued), PutMode.IfAbsent, cancellationToken)
                || await ReadAsync(StoragePaths.Verdict(id), cancellationToken) == Rescued))
        {
            await ForgetAsync(digest, id, cancellationToken);
        }
    }

    private async ValueTask RescueAsync(Digest digest, CancellationToken cancellationToken)
    {
        long began = clock.GetTimestamp();

        // Almost none is condemned, and that there is no note is told faster than what one says: an answer without a body is one packet.
        string note = StoragePaths.CondemnedNote(digest);
        while (await backend.StatAsync(note, cancellationToken) is not null && await ReadAsync(note, cancellationToken) is { } id)
        {
            if (await backend.PutAsync(StoragePaths.Verdict(id), Encoding.ASCII.GetBytes(Rescued), PutMode.IfAbsent, cancellationToken)
                || await ReadAsync(StoragePaths.Verdict(id), cancellationToken) is Rescued)
            {
                return;
            }

            if (clock.GetElapsedTime(began) > Patience)
            {
                throw new StorageUnavailableException($"{digest} is being deleted, and that does not come to an end.", null);
            }

            await Task.Delay(PollEvery, clock, cancellationToken);
        }
    }

    private async Task<IReadOnlyCollection<Digest>> CondemnedOfAsync(IReadOnlyCollection<Digest> digests, CancellationToken cancellationToken)
    {
        var asked = new HashSet<Digest>(digests);
        var condemned = new List<Digest>();
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Condemned, null, cancellationToken))
        {
            if (StoragePaths.TryReadTail(entry.Path, out Digest digest) && asked.Contains(digest))
            {
                condemned.Add(digest);
            }
        }

        return condemned;
    }

    // The note first: a verdict without its note binds nobody, a note without its verdict could be judged again.
    private async Task ForgetAsync(Digest digest, string id, CancellationToken cancellationToken)
    {
        await backend.DeleteAsync(StoragePaths.CondemnedNote(digest), cancellationToken);
        await backend.DeleteAsync(StoragePaths.Verdict(id), cancellationToken);
        _known.Remove(digest);
    }

    /// <summary>Verdicts whose note went in between: nobody asks for them any more.</summary>
    private async Task RemoveOldVerdictsAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        HashSet<string>? open = null;
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Verdicts, null, cancellationToken))
        {
            if (now - entry.Modified > options.GcCondemnedGrace + Patience)
            {
                open ??= await OpenCasesAsync(cancellationToken);
                if (!open.Contains(entry.Path))
                {
                    await backend.DeleteAsync(entry.Path, cancellationToken);
                }
            }
        }
    }

    private async Task<HashSet<string>> OpenCasesAsync(CancellationToken cancellationToken)
    {
        var open = new HashSet<string>(StringComparer.Ordinal);
        foreach (Digest digest in _known.Keys)
        {
            if (await ReadAsync(StoragePaths.CondemnedNote(digest), cancellationToken) is { } id)
            {
                open.Add(StoragePaths.Verdict(id));
            }
        }

        return open;
    }

    private async ValueTask<string?> ReadAsync(string path, CancellationToken cancellationToken) =>
        await backend.ReadAllAsync(path, MaxNote, cancellationToken) is { } content ? Encoding.ASCII.GetString(content) : null;
}
