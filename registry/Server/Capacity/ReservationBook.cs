using System.Text.Json;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Capacity;

/// <summary>
/// Reservations as they are stored. A promise is durable before it is answered, and renewed while bytes arrive; one whose owner died lapses by itself.
/// </summary>
internal sealed class ReservationBook(IStorageBackend backend, CapacityLedger ledger, RepositoryContent content, TimeProvider clock) : IDisposable
{
    private const int MaxDocumentLength = 8192;

    // What a reservation gets at least after a restart: owners that are alive renew it within that time.
    private static readonly TimeSpan RestartGrace = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Promises room, or throws.</summary>
    /// <param name="includesStored">Whether the bytes are the whole of what the repository will hold, or come on top of what it holds.</param>
    /// <exception cref="Api.RegistryException">INSUFFICIENT_STORAGE.</exception>
    public async Task<ReservationStatement> ReserveAsync(
        string repository, string? owner, string holder, long bytes, bool includesStored, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        await ledger.WhenCountedAsync(cancellationToken);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            bool isRenewal = ledger.Find(repository) is { } known && known.Reservation.Holder == holder && known.Reservation.Bytes == bytes;
            Reservation reservation = isRenewal ? Renewed(ledger.Find(repository)!.Value.Reservation, lifetime) : await NewAsync();
            if (isRenewal)
            {
                ledger.Restore(reservation, reservation.ExpiresAt);
            }
            else
            {
                ledger.Reserve(reservation, (await backend.GetSpaceAsync(cancellationToken))?.FreeBytes);
            }

            await SaveAsync(reservation, cancellationToken);
            return Describe(repository)!;
        }
        finally
        {
            _turn.Release();
        }

        async Task<Reservation> NewAsync()
        {
            long held = await content.SizeAsync(repository, cancellationToken);
            ledger.Know(repository, owner, held);
            DateTimeOffset now = clock.GetUtcNow();
            return new Reservation
            {
                Repository = repository,
                Holder = holder,
                Bytes = bytes,
                BaselineBytes = includesStored ? 0 : held,
                CreatedAt = now,
                ExpiresAt = now + lifetime,
                LifetimeSeconds = (long)lifetime.TotalSeconds,
            };
        }
    }

    /// <summary>The reservation of a repository, or null.</summary>
    public ReservationStatement? Describe(string repository) => ledger.Find(repository) is { } found
        ? new ReservationStatement
        {
            Repository = repository,
            Holder = found.Reservation.Holder,
            Bytes = found.Reservation.Bytes,
            OutstandingBytes = found.Outstanding,
            ExpiresAt = found.Reservation.ExpiresAt,
        }
        : null;

    /// <summary>Gives the room back. False when there was none.</summary>
    /// <param name="holder">Only when it is this holder's; null: whoever's it is.</param>
    public async Task<bool> ReleaseAsync(string repository, string? holder, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (holder is not null && ledger.Find(repository) is { } found && found.Reservation.Holder != holder)
            {
                return false;
            }

            bool wasStored = await backend.DeleteAsync(StoragePaths.Reservation(repository), cancellationToken);
            return ledger.Drop(repository) || wasStored;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>After a start: promises are kept. To be called before the first recount ends.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset earliest = clock.GetUtcNow() + RestartGrace;
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Capacity, null, cancellationToken))
        {
            if (StoragePaths.TryReadReservation(entry.Path, out _)
                && await backend.ReadDocumentAsync(entry.Path, MaxDocumentLength, RegistryJson.Default.Reservation, cancellationToken) is { } reservation)
            {
                ledger.Know(reservation.Repository, null, await content.SizeAsync(reservation.Repository, cancellationToken));
                ledger.Restore(reservation, reservation.ExpiresAt > earliest ? reservation.ExpiresAt : earliest);
            }
        }
    }

    /// <summary>
    /// Where several processes share the storage: takes over what the others have promised, drops what they have given back, and tells them of what has been renewed here by its bytes.
    /// </summary>
    public async Task ShareAsync(CancellationToken cancellationToken)
    {
        var stored = new HashSet<string>(StringComparer.Ordinal);
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Capacity, null, cancellationToken))
        {
            if (StoragePaths.TryReadReservation(entry.Path, out string? repository) && stored.Add(repository)
                && await backend.ReadDocumentAsync(entry.Path, MaxDocumentLength, RegistryJson.Default.Reservation, cancellationToken) is { } reservation)
            {
                await ShareAsync(reservation, cancellationToken);
            }
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            foreach (string repository in ledger.Reserved().Where(repository => !stored.Contains(repository)))
            {
                if (await backend.StatAsync(StoragePaths.Reservation(repository), cancellationToken) is null)
                {
                    ledger.Drop(repository);
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Removes reservations that nothing has renewed, here or in another process. Returns how many.</summary>
    public async Task<int> ExpireAsync(CancellationToken cancellationToken)
    {
        int expired = 0;
        foreach (string repository in ledger.Lapsed())
        {
            if (backend.IsShared && await ReadAsync(repository, cancellationToken) is { } stored && stored.ExpiresAt > clock.GetUtcNow())
            {
                ledger.Prolong(repository, stored.ExpiresAt);
                continue;
            }

            await ReleaseAsync(repository, holder: null, cancellationToken);
            expired++;
        }

        return expired;
    }

    public void Dispose() => _turn.Dispose();

    private async Task ShareAsync(Reservation stored, CancellationToken cancellationToken)
    {
        if (ledger.Find(stored.Repository) is not { } known || known.Reservation.CreatedAt < stored.CreatedAt)
        {
            ledger.Know(stored.Repository, null, await content.SizeAsync(stored.Repository, cancellationToken));
            ledger.Restore(stored, stored.ExpiresAt);
        }
        else if (known.Reservation.ExpiresAt - stored.ExpiresAt > TimeSpan.FromSeconds(stored.LifetimeSeconds) / 4)
        {
            // Not with every byte: four writes a lifetime keep it alive everywhere.
            await SaveAsync(known.Reservation, cancellationToken);
        }
        else
        {
            ledger.Prolong(stored.Repository, stored.ExpiresAt);
        }
    }

    private ValueTask<Reservation?> ReadAsync(string repository, CancellationToken cancellationToken) =>
        backend.ReadDocumentAsync(StoragePaths.Reservation(repository), MaxDocumentLength, RegistryJson.Default.Reservation, cancellationToken);

    private Reservation Renewed(Reservation reservation, TimeSpan lifetime) =>
        reservation with { ExpiresAt = clock.GetUtcNow() + lifetime, LifetimeSeconds = (long)lifetime.TotalSeconds };

    private async Task SaveAsync(Reservation reservation, CancellationToken cancellationToken) => await backend.PutAsync(
        StoragePaths.Reservation(reservation.Repository), JsonSerializer.SerializeToUtf8Bytes(reservation, RegistryJson.Default.Reservation), PutMode.Replace, cancellationToken);
}

/// <summary>A reservation as the API shows it.</summary>
internal sealed record ReservationStatement
{
    public required string Repository { get; init; }

    public required string Holder { get; init; }

    public required long Bytes { get; init; }

    /// <summary>What is left of it.</summary>
    public required long OutstandingBytes { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}
