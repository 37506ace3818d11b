using AiModels.Registry.Api;

namespace AiModels.Registry.Capacity;

/// <summary>
/// Knows at every moment how much is stored, on its way, and promised, and says no before the sum exceeds the limit. Every byte is in exactly one of these:
/// stored (a blob, equal content once), staged (a part of an upload), moving (a <see cref="CapacityHold"/>) or reserved. It is right from the end of the first
/// recount on, for which limited writers wait; <see cref="CapacityBackend"/> tells it of each change.
/// </summary>
internal sealed class CapacityLedger(CapacityLimits limits, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RepositoryAccount> _accounts = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _counted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private StoredBytes _stored;
    private long _moving;
    private RunningRecount? _recount;

    public CapacityLimits Limits => limits;

    /// <summary>Ends with the first recount.</summary>
    public Task Counted => _counted.Task;

    /// <summary>Takes room for bytes that will come into a repository, out of its reservation first.</summary>
    /// <param name="repository">Where they go, or null when nobody knows.</param>
    /// <exception cref="RegistryException">INSUFFICIENT_STORAGE, with the bytes that were asked for, that are free, and the limit.</exception>
    public async ValueTask<CapacityHold> HoldAsync(string? repository, long bytes, CancellationToken cancellationToken)
    {
        await WhenCountedAsync(cancellationToken);
        var hold = new CapacityHold(this, repository);
        Extend(hold, bytes);
        return hold;
    }

    /// <summary>Limits cannot be kept before it is known what is stored.</summary>
    public Task WhenCountedAsync(CancellationToken cancellationToken) => limits.IsLimited ? Counted.WaitAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>More room for a transfer.</summary>
    public void Extend(CapacityHold hold, long bytes)
    {
        lock (_gate)
        {
            RepositoryAccount? account = AccountOf(hold.Repository);
            long within = Math.Min(bytes, account?.Outstanding(clock.GetUtcNow()) ?? 0);
            Require(hold.Repository, account, bytes, bytes - within, null);
            hold.Bytes += bytes;
            hold.Within += within;
            _moving += bytes;
            if (account is not null)
            {
                account.Within += within;
                account.Held += bytes;
                Renew(account);
            }
        }
    }

    /// <summary>Gives back what a hold has left.</summary>
    public void Release(CapacityHold hold)
    {
        lock (_gate)
        {
            Settle(hold);
        }
    }

    /// <summary>Before an object is written or deleted, with its length as it is.</summary>
    public void BeginChange(string path, long length)
    {
        lock (_gate)
        {
            _recount?.Begin(path, length);
        }
    }

    /// <summary>After it, together with the hold that the bytes came under: at no moment they count twice or not at all.</summary>
    /// <param name="arrived">Bytes that a repository with a reservation got thereby.</param>
    public void EndChange(string path, long before, long after, CapacityHold? hold = null, long arrived = 0)
    {
        lock (_gate)
        {
            StoredBytes old = StoredBytes.Of(path, before), now = StoredBytes.Of(path, after);
            _stored += now - old;
            _recount?.End(path, old, now);
            if (hold is not null)
            {
                if (AccountOf(hold.Repository) is { } account)
                {
                    account.Used += arrived;
                }

                Settle(hold);
            }
        }
    }

    /// <summary>A repository got a blob. The bytes use its reservation up unless they did so when they were stored.</summary>
    /// <exception cref="RegistryException">INSUFFICIENT_STORAGE, when the namespace has no room for a blob that came without bytes.</exception>
    public void Link(string repository, long bytes, bool isPaid)
    {
        lock (_gate)
        {
            if (AccountOf(repository) is not { } account)
            {
                return;
            }

            if (!isPaid)
            {
                RequireQuota(repository, account, bytes, Math.Max(0, bytes - account.Outstanding(clock.GetUtcNow())), null);
                account.Used += bytes;
            }

            account.Content += bytes;
        }
    }

    /// <summary>A repository lost a blob.</summary>
    public void Unlink(string repository, long bytes)
    {
        lock (_gate)
        {
            if (_accounts.TryGetValue(repository, out RepositoryAccount? account))
            {
                account.Content = Math.Max(0, account.Content - bytes);
            }
        }
    }

    /// <summary>Whether content of this repository is counted, so that losing a blob matters.</summary>
    public bool IsTracked(string repository)
    {
        lock (_gate)
        {
            return limits.HasQuotas || _accounts.ContainsKey(repository);
        }
    }

    /// <summary>Sets what is known of a repository: whose it is and what it holds.</summary>
    public void Know(string repository, string? owner, long? content)
    {
        lock (_gate)
        {
            RepositoryAccount account = Open(repository);
            account.Namespace = owner ?? account.Namespace;
            account.Content = content ?? account.Content;
        }
    }

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

    /// <summary>Begins to count anew; <see cref="EndRecount"/> must follow.</summary>
    public void BeginRecount()
    {
        lock (_gate)
        {
            _recount = new RunningRecount();
        }
    }

    /// <summary>An object of the listing, in ordinal order of paths.</summary>
    public void Count(string path, long length)
    {
        lock (_gate)
        {
            _recount?.List(path, length);
        }
    }

    /// <summary>Takes the count over, or drops it. Returns by how much the ledger was wrong.</summary>
    public StoredBytes EndRecount(bool isComplete)
    {
        lock (_gate)
        {
            StoredBytes correction = isComplete && _recount is not null ? _recount.Sum() - _stored : default;
            _stored += correction;
            _recount = null;
            if (isComplete)
            {
                _counted.TrySetResult();
            }

            return correction;
        }
    }

    /// <summary>How things stand.</summary>
    /// <param name="mediumFree">Bytes that the medium can still take, or null.</param>
    public CapacityStatement Describe(long? mediumFree)
    {
        lock (_gate)
        {
            DateTimeOffset now = clock.GetUtcNow();
            return new CapacityStatement
            {
                LimitBytes = limits.Total,
                StoredBytes = _stored.Blobs,
                StagedBytes = _stored.Staged,
                MovingBytes = _moving,
                ReservedBytes = Promised(now),
                FreeBytes = Free(now, mediumFree) is { } free ? Math.Max(0, free) : null,
                Reservations = _accounts.Values.Count(account => account.Outstanding(now) > 0),
                Namespaces = [.. _accounts.Values.Where(account => limits.QuotaOf(account.Namespace) is not null).GroupBy(account => account.Namespace!, StringComparer.Ordinal)
                    .OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => Describe(group.Key, group, now))],
            };
        }
    }

    private NamespaceStatement Describe(string name, IEnumerable<RepositoryAccount> accounts, DateTimeOffset now)
    {
        long used = 0, reserved = 0;
        foreach (RepositoryAccount account in accounts)
        {
            used += account.Content;
            reserved += account.Outstanding(now) + account.Held;
        }

        long quota = limits.QuotaOf(name)!.Value;
        return new NamespaceStatement { Namespace = name, QuotaBytes = quota, UsedBytes = used, ReservedBytes = reserved, FreeBytes = Math.Max(0, quota - used - reserved) };
    }

    private void Settle(CapacityHold hold)
    {
        _moving -= hold.Bytes;
        if (hold.Repository is not null && _accounts.TryGetValue(hold.Repository, out RepositoryAccount? account))
        {
            account.Held = Math.Max(0, account.Held - hold.Bytes);
            account.Within = Math.Max(0, account.Within - hold.Within);
            Renew(account);
            Forget(hold.Repository, account);
        }

        (hold.Bytes, hold.Within) = (0, 0);
    }

    private void Renew(RepositoryAccount account)
    {
        if (account.Reservation is { } reservation)
        {
            DateTimeOffset end = clock.GetUtcNow() + TimeSpan.FromSeconds(reservation.LifetimeSeconds);
            account.ExpiresAt = end > account.ExpiresAt ? end : account.ExpiresAt;
        }
    }

    /// <summary>Without quotas only reservations need accounts.</summary>
    private void Forget(string repository, RepositoryAccount account)
    {
        if (!limits.HasQuotas && account is { Reservation: null, Held: 0 })
        {
            _accounts.Remove(repository);
        }
    }

    private RepositoryAccount Open(string repository)
    {
        if (!_accounts.TryGetValue(repository, out RepositoryAccount? account))
        {
            _accounts[repository] = account = new RepositoryAccount();
        }

        return account;
    }

    private RepositoryAccount? AccountOf(string? repository) =>
        repository is null ? null : limits.HasQuotas ? Open(repository) : _accounts.GetValueOrDefault(repository);

    private long Promised(DateTimeOffset now) => _accounts.Values.Sum(account => account.Outstanding(now));

    private long? Free(DateTimeOffset now, long? mediumFree)
    {
        long promised = Promised(now);
        long? free = limits.Total - _stored.Blobs - _stored.Staged - _moving - promised;
        return mediumFree is { } medium && (free is null || medium - promised < free) ? medium - promised : free;
    }

    private void Require(string? repository, RepositoryAccount? account, long asked, long beyond, long? mediumFree)
    {
        if (beyond <= 0)
        {
            return;
        }

        DateTimeOffset now = clock.GetUtcNow();
        if (Free(now, mediumFree) is { } free && beyond > free)
        {
            string limit = limits.Total is { } total
                ? $"of the limit of {ByteText.Of(total)}, of which {ByteText.Of(_stored.Blobs + _stored.Staged)} are stored and {ByteText.Of(Promised(now) + _moving)} promised to others or on their way"
                : "on the medium";
            throw new RegistryException(RegistryError.InsufficientStorage, $"{ByteText.Of(beyond)} were asked for; {ByteText.Of(Math.Max(0, free))} are free {limit}.");
        }

        RequireQuota(repository, account, asked, beyond, now);
    }

    private void RequireQuota(string? repository, RepositoryAccount? account, long asked, long beyond, DateTimeOffset? at)
    {
        if (account?.Namespace is not { } name || limits.QuotaOf(name) is not { } quota || beyond <= 0)
        {
            return;
        }

        NamespaceStatement statement = Describe(name, _accounts.Values.Where(other => other.Namespace == name), at ?? clock.GetUtcNow());
        if (beyond > statement.FreeBytes)
        {
            throw new RegistryException(
                RegistryError.InsufficientStorage,
                $"{ByteText.Of(asked)} were asked for by {repository}; {ByteText.Of(statement.FreeBytes)} are free of the quota of {ByteText.Of(quota)} that namespace {name} has.");
        }
    }
}
