using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Capacity;

/// <summary>
/// Tells the ledger of every change of what is stored, whoever makes it, and refuses bytes for which there is no room before they are written.
/// Changes of one object take turns, so that two pushes of the same content count once.
/// </summary>
internal sealed class CapacityBackend(IStorageBackend inner, CapacityLedger ledger) : IStorageBackend
{
    // 16 MiB: what a transfer without a length asks for at a time. It gives back what it did not use.
    private const long Step = 16 * 1024 * 1024;

    // Two objects that share a turn only wait for each other.
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1, 1))];

    public string Name => inner.Name;

    public bool IsShared => inner.IsShared;

    public ValueTask CheckAsync(CancellationToken cancellationToken) => inner.CheckAsync(cancellationToken);

    public ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => inner.GetTimeAsync(cancellationToken);

    public ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken) => inner.StatAsync(path, cancellationToken);

    public ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken) => inner.OpenReadAsync(path, offset, cancellationToken);

    public ValueTask<StorageReader?> OpenRangeAsync(string path, long offset, long length, CancellationToken cancellationToken) => inner.OpenRangeAsync(path, offset, length, cancellationToken);

    public async ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        CapacityHold hold = await ledger.HoldAsync(intent.Repository, intent.Length ?? 0, cancellationToken);
        try
        {
            return new CountedWriter(this, await inner.CreateAsync(intent, cancellationToken), hold);
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    public async ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        if (!StoredBytes.Counts(path))
        {
            return await inner.PutAsync(path, content, mode, cancellationToken);
        }

        using CapacityHold hold = await ledger.HoldAsync(null, content.Length, cancellationToken);
        bool isDone = false;
        await ChangeAsync([path], hold, async () => (isDone = await inner.PutAsync(path, content, mode, cancellationToken)) ? content.Length : null, cancellationToken);
        return isDone;
    }

    public async ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken) =>
        await ChangeAsync(
            [destination, .. sources],
            null,
            async () =>
            {
                await inner.ComposeAsync(sources, destination, cancellationToken);
                return null;
            },
            cancellationToken);

    public async ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken)
    {
        bool isDone = false;
        if (StoredBytes.Counts(path))
        {
            await ChangeAsync([path], null, async () => (isDone = await inner.DeleteAsync(path, cancellationToken)) ? 0 : null, cancellationToken);
            return isDone;
        }

        bool isLink = StoragePaths.TryReadLink(path, out string? repository, out LinkKind kind, out ModelPack.Oci.Digest digest) && kind == LinkKind.Blob && ledger.IsTracked(repository);
        long length = isLink && await inner.StatAsync(StoragePaths.Blob(digest), cancellationToken) is { } blob ? blob.Length : 0;
        isDone = await inner.DeleteAsync(path, cancellationToken);
        if (isLink && isDone)
        {
            ledger.Unlink(repository!, length);
        }

        return isDone;
    }

    public IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, CancellationToken cancellationToken) => inner.ListAsync(folder, startAfter, cancellationToken);

    public ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken) => inner.GetDirectLinkAsync(path, lifetime, cancellationToken);

    public ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken) => inner.GetSpaceAsync(cancellationToken);

    /// <summary>Changes objects and tells by how much. The hold is settled with the first of them.</summary>
    /// <param name="act">Gives the length of the first of them afterwards where that is certain, and spares looking, which over a network is a request for every blob.</param>
    private async ValueTask ChangeAsync(IReadOnlyList<string> paths, CapacityHold? hold, Func<ValueTask<long?>> act, CancellationToken cancellationToken)
    {
        // Parts of an upload have one owner; only the object that becomes visible to others needs a turn.
        SemaphoreSlim turn = _turns[(uint)string.GetHashCode(paths[0], StringComparison.Ordinal) % _turns.Length];
        await turn.WaitAsync(cancellationToken);
        try
        {
            long[] before = await LengthsAsync(paths, cancellationToken);
            for (int i = 0; i < paths.Count; i++)
            {
                ledger.BeginChange(paths[i], before[i]);
            }

            bool isDone = false;
            long? first = null;
            try
            {
                first = await act();
                isDone = true;
            }
            finally
            {
                // Looked at again rather than assumed: also what failed half-way counts as it is.
                long[] after = first is { } length && paths.Count == 1 ? [length] : await LengthsAsync(paths, CancellationToken.None);
                for (int i = 0; i < paths.Count; i++)
                {
                    ledger.EndChange(paths[i], before[i], after[i], i == 0 ? hold : null, isDone ? after[i] : 0);
                }
            }
        }
        finally
        {
            turn.Release();
        }
    }

    private async ValueTask<long[]> LengthsAsync(IReadOnlyList<string> paths, CancellationToken cancellationToken)
    {
        long[] lengths = new long[paths.Count];
        for (int i = 0; i < paths.Count; i++)
        {
            lengths[i] = (await inner.StatAsync(paths[i], cancellationToken))?.Length ?? 0;
        }

        return lengths;
    }

    /// <summary>Holds room for what it takes; what it commits counts as stored.</summary>
    private sealed class CountedWriter(CapacityBackend owner, IStorageWriter writer, CapacityHold hold) : IStorageWriter
    {
        public long Length => writer.Length;

        public bool IsProven => writer.IsProven;

        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            long missing = writer.Length + content.Length - hold.Bytes;
            if (missing > 0)
            {
                ExtendBy(missing);
            }

            return writer.WriteAsync(content, cancellationToken);
        }

        public async ValueTask CommitAsync(string path, CancellationToken cancellationToken)
        {
            if (StoredBytes.Counts(path))
            {
                await owner.ChangeAsync([path], hold, CommitAsync, cancellationToken);
            }
            else
            {
                await writer.CommitAsync(path, cancellationToken);
            }

            async ValueTask<long?> CommitAsync()
            {
                await writer.CommitAsync(path, cancellationToken);
                return writer.Length;
            }
        }

        public async ValueTask DisposeAsync()
        {
            hold.Dispose();
            await writer.DisposeAsync();
        }

        private void ExtendBy(long missing)
        {
            try
            {
                hold.Extend(Math.Max(missing, Step));
            }
            catch (Api.RegistryException) when (missing < Step)
            {
                // The last bytes may still fit.
                hold.Extend(missing);
            }
        }
    }
}
