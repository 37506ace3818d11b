using System.Globalization;
using System.Text;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// One collector (or scrubber) at a time among processes that share a storage. Terms are counted: <c>collection/leases/N</c> is written by whoever opens term N, of which there is
/// exactly one, and written again while it lives; the next term may be opened when the last one has not been written for <see cref="Lifetime"/>, by the storage's clock.
/// Two collectors at once would not be dangerous, only wasteful, but for deletions that one of them began and did not end; those are over long before a lease is.
/// </summary>
internal sealed class CollectionLease(IStorageBackend backend, TimeProvider clock, string folder = StoragePaths.Leases)
{
    /// <summary>A minute: three missed renewals.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan RenewEvery = Lifetime / 3;

    private readonly string _holder = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";
    private long _renewedAt;
    private string? _path;

    /// <summary>Opens a term, or says who holds it. Always succeeds where one process owns the storage.</summary>
    public async Task<bool> TryAcquireAsync(CancellationToken cancellationToken)
    {
        if (!backend.IsShared)
        {
            return true;
        }

        DateTimeOffset now = await backend.GetTimeAsync(cancellationToken);
        long began = clock.GetTimestamp();
        StorageEntry? last = null;
        await foreach (StorageEntry entry in backend.ListAsync(folder, null, cancellationToken))
        {
            if (last is { } earlier)
            {
                await backend.DeleteAsync(earlier.Path, cancellationToken);
            }

            last = entry;
        }

        if (last is { } current && now - current.Modified < Lifetime)
        {
            return false;
        }

        long term = last is { } ended ? long.Parse(ended.Path.AsSpan(folder.Length), NumberStyles.None, CultureInfo.InvariantCulture) + 1 : 1;
        string path = StoragePaths.Lease(folder, term);
        if (!await backend.PutAsync(path, Encoding.UTF8.GetBytes(_holder), PutMode.IfAbsent, cancellationToken))
        {
            return false;
        }

        (_path, _renewedAt) = (path, began);
        return true;
    }

    /// <summary>Renews while the work goes on; the work is cancelled when that fails for too long.</summary>
    public async Task HoldWhileAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        if (!backend.IsShared)
        {
            await work(cancellationToken);
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task renewing = RenewAsync(stop);
        try
        {
            await work(stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await EndAsync();
        }
    }

    /// <summary>Throws unless the lease is certainly still ours.</summary>
    public void Require()
    {
        // Half of it: the other half is for what is under way.
        if (backend.IsShared && clock.GetElapsedTime(Interlocked.Read(ref _renewedAt)) > Lifetime / 2)
        {
            throw new IOException("The collection's lease could not be renewed in time; another process goes on with it.");
        }
    }

    private async Task RenewAsync(CancellationTokenSource stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(RenewEvery, clock, stop.Token);
            try
            {
                long began = clock.GetTimestamp();
                await backend.PutAsync(_path!, Encoding.UTF8.GetBytes(_holder), PutMode.Replace, stop.Token);
                Interlocked.Exchange(ref _renewedAt, began);
            }
            catch (IOException) when (clock.GetElapsedTime(Interlocked.Read(ref _renewedAt)) < Lifetime)
            {
                // The storage is away for a moment; Require says when that has been too long.
            }
        }
    }

    /// <summary>The next may begin at once; when this fails it waits for the lease to end.</summary>
    private async Task EndAsync()
    {
        using var timeout = new CancellationTokenSource(RenewEvery, clock);
        try
        {
            await backend.DeleteAsync(_path!, timeout.Token);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            _path = null;
        }
    }
}
