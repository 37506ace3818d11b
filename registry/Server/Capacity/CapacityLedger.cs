using AiModels.Registry.Api;

namespace AiModels.Registry.Capacity;

/// <summary>
/// Knows at every moment how much is stored, on its way, and promised, and says no before the sum exceeds the limit. Every byte is in exactly one of these:
/// stored (a blob, equal content once), staged (a part of an upload), moving (a <see cref="CapacityHold"/>) or reserved. It is right from the end of the first
/// recount on, for which limited writers wait; <see cref="CapacityBackend"/> tells it of each change.
/// </summary>
internal sealed partial class CapacityLedger(CapacityLimits limits, TimeProvider clock)
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
}
