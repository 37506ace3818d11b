using AiModels.Registry.Api;

namespace AiModels.Registry.Capacity;

/// <summary>Room that is promised to a repository before its bytes come.</summary>
internal sealed partial class CapacityLedger
{
    /// <summary>Promises room, or throws. The repository must be known.</summary>
    /// <param name="mediumFree">Bytes that the medium can still take, or null.</param>
    public void Reserve(Reservation reservation, long? mediumFree)
    {
        lock (_gate)
        {
            RepositoryAccount account = Open(reservation.Repository);
            DateTimeOffset now = clock.GetUtcNow();
            long used = Math.Max(0, account.Content - reservation.BaselineBytes);
            long asked = Math.Max(0, reservation.Bytes - used - account.Within);
            try
            {
                Require(reservation.Repository, account, asked, Math.Max(0, asked - account.Outstanding(now)), mediumFree);
            }
            catch (RegistryException)
            {
                Forget(reservation.Repository, account);
                throw;
            }

            account.Reservation = reservation;
            account.ExpiresAt = reservation.ExpiresAt;
            account.Used = used;
        }
    }

    /// <summary>Takes over a reservation that was promised before the process ended: a promise is kept also where the limit has been lowered since.</summary>
    public void Restore(Reservation reservation, DateTimeOffset expiresAt)
    {
        lock (_gate)
        {
            RepositoryAccount account = Open(reservation.Repository);
            account.Reservation = reservation;
            account.ExpiresAt = expiresAt;
            account.Used = Math.Max(0, account.Content - reservation.BaselineBytes);
        }
    }

    /// <summary>The reservation of a repository with its current expiry and what is left of it, or null.</summary>
    public (Reservation Reservation, long Outstanding)? Find(string repository)
    {
        lock (_gate)
        {
            DateTimeOffset now = clock.GetUtcNow();
            return _accounts.TryGetValue(repository, out RepositoryAccount? account) && account.Reservation is { } reservation && (account.ExpiresAt > now || account.Held > 0)
                ? (reservation with { ExpiresAt = account.ExpiresAt }, account.Outstanding(now))
                : null;
        }
    }

    /// <summary>Gives a repository's promised room back. False when there was none.</summary>
    public bool Drop(string repository)
    {
        lock (_gate)
        {
            if (!_accounts.TryGetValue(repository, out RepositoryAccount? account) || account.Reservation is null)
            {
                return false;
            }

            account.Reservation = null;
            Forget(repository, account);
            return true;
        }
    }

    /// <summary>Repositories that have a reservation.</summary>
    public IReadOnlyList<string> Reserved()
    {
        lock (_gate)
        {
            return [.. _accounts.Where(pair => pair.Value.Reservation is not null).Select(pair => pair.Key)];
        }
    }

    /// <summary>Repositories whose reservation has lapsed.</summary>
    public IReadOnlyList<string> Lapsed()
    {
        lock (_gate)
        {
            DateTimeOffset now = clock.GetUtcNow();
            return [.. _accounts.Where(pair => pair.Value is { Reservation: not null, Held: 0 } && pair.Value.ExpiresAt <= now).Select(pair => pair.Key)];
        }
    }

    /// <summary>A reservation that lives longer than is known here: its bytes pass another process.</summary>
    public void Prolong(string repository, DateTimeOffset expiresAt)
    {
        lock (_gate)
        {
            if (_accounts.TryGetValue(repository, out RepositoryAccount? account) && account.ExpiresAt < expiresAt)
            {
                account.ExpiresAt = expiresAt;
            }
        }
    }

    private void Renew(RepositoryAccount account)
    {
        if (account.Reservation is { } reservation)
        {
            DateTimeOffset end = clock.GetUtcNow() + TimeSpan.FromSeconds(reservation.LifetimeSeconds);
            account.ExpiresAt = end > account.ExpiresAt ? end : account.ExpiresAt;
        }
    }
}
