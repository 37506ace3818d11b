using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace AiModels.Registry.Grants;

/// <summary>
/// How many bytes each grant pulled and pushed, per repository: what tells a consumer's progress from the registry's side.
/// Kept in memory while it is fresh; the totals are metrics, and the accounts themselves where <see cref="RegistryOptions.TransferMetrics"/> asks for it.
/// </summary>
internal sealed class TransferAccounts
{
    // Longer than any grant lives after its last byte.
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private readonly ConcurrentDictionary<(string Repository, string Grant), TransferMeter.Totals> _totals = new();
    private readonly RegistryMetrics _metrics;
    private readonly TimeProvider _clock;

    public TransferAccounts(RegistryMetrics metrics, IMeterFactory meters, RegistryOptions options, TimeProvider clock)
    {
        (_metrics, _clock) = (metrics, clock);
        Func<IEnumerable<Measurement<long>>>? measure = options.TransferMetrics switch
        {
            TransferMetrics.Repository => MeasureRepositories,
            TransferMetrics.Grant => MeasureGrants,
            _ => null,
        };
        if (measure is not null)
        {
            meters.Create(RegistryMetrics.MeterName).CreateObservableCounter(
                "aimodels.registry.account.transfer", measure, "By", "Bytes moved for each repository, or each grant in it, since it first moved one; forgotten a day after the last.");
        }
    }

    /// <summary>Counts bytes that leave.</summary>
    public TransferMeter Pulling(Caller caller, string repository) => new(TotalsOf(caller, repository), isPull: true, _metrics, _clock);

    /// <summary>Counts bytes that arrive.</summary>
    public TransferMeter Pushing(Caller caller, string repository) => new(TotalsOf(caller, repository), isPull: false, _metrics, _clock);

    /// <summary>What is known of a repository, one account per grant.</summary>
    public IReadOnlyList<TransferAccount> OfRepository(string repository) => Select(key => key.Repository == repository);

    /// <summary>What is known of a grant, one account per repository.</summary>
    public IReadOnlyList<TransferAccount> OfGrant(string grant) => Select(key => key.Grant == grant);

    /// <summary>Forgets accounts in which nothing moved for a day.</summary>
    public void Expire()
    {
        DateTimeOffset oldest = _clock.GetUtcNow() - Lifetime;
        foreach ((var key, TransferMeter.Totals totals) in _totals)
        {
            if (totals.LastActive < oldest)
            {
                _totals.TryRemove(key, out _);
            }
        }
    }

    private TransferMeter.Totals TotalsOf(Caller caller, string repository) =>
        _totals.GetOrAdd((repository, caller.Id), _ => new TransferMeter.Totals(caller.Subject, _clock.GetUtcNow()));

    private IEnumerable<Measurement<long>> MeasureRepositories() => _totals
        .GroupBy(pair => pair.Key.Repository, pair => pair.Value)
        .SelectMany(group => Measure(group.Sum(totals => totals.Pulled), group.Sum(totals => totals.Pushed), group.Sum(totals => totals.Redirected), new KeyValuePair<string, object?>("repository", group.Key)));

    private IEnumerable<Measurement<long>> MeasureGrants() => _totals.SelectMany(pair => Measure(
        pair.Value.Pulled, pair.Value.Pushed, pair.Value.Redirected, new("repository", pair.Key.Repository), new("grant", pair.Key.Grant), new("subject", pair.Value.Subject)));

    private static IEnumerable<Measurement<long>> Measure(long pulled, long pushed, long redirected, params KeyValuePair<string, object?>[] labels) =>
    [
        new(pulled, [.. labels, new("direction", "pull")]),
        new(pushed, [.. labels, new("direction", "push")]),
        new(redirected, [.. labels, new("direction", "redirect")]),
    ];

    private List<TransferAccount> Select(Func<(string Repository, string Grant), bool> matches) =>
    [
        .. _totals.Where(pair => matches(pair.Key)).OrderBy(pair => pair.Key).Select(pair => new TransferAccount
        {
            Repository = pair.Key.Repository,
            Grant = pair.Key.Grant,
            Subject = pair.Value.Subject,
            PulledBytes = pair.Value.Pulled,
            PushedBytes = pair.Value.Pushed,
            RedirectedBytes = pair.Value.Redirected,
            LastActive = pair.Value.LastActive,
        }),
    ];
}

/// <summary>Bytes of one grant in one repository.</summary>
internal sealed record TransferAccount
{
    public required string Repository { get; init; }

    /// <summary>The grant's id (<c>jti</c>).</summary>
    public required string Grant { get; init; }

    public required string Subject { get; init; }

    public required long PulledBytes { get; init; }

    public required long PushedBytes { get; init; }

    /// <summary>Bytes that the grant was given a signed URL of the bucket for, beside those it pulled here. Counted when the URL is given: the transfer itself is not seen.</summary>
    public required long RedirectedBytes { get; init; }

    public required DateTimeOffset LastActive { get; init; }
}
