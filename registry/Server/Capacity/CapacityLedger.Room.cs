using AiModels.Registry.Api;

namespace AiModels.Registry.Capacity;

/// <summary>How much room there is, in total and for a namespace, and the refusal when there is too little.</summary>
internal sealed partial class CapacityLedger
{
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
                IsLimited = limits.IsLimited,
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
