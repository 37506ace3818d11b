using System.Text.Json;
using AiModels.ModelPack.Grants;
using AiModels.Registry.Api;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Grants;

/// <summary>
/// Grants that are no longer good although they have not ended: one by its id, or all that a subject (a node that was lost, a Job that leaked) has been given until now.
/// Kept in the storage, so that every process over it refuses them within <see cref="RefreshEvery"/>, and for as long as such a grant could live. Until the list has been
/// read once, no grant is good.
/// </summary>
internal sealed partial class Revocations(IStorageBackend backend, TimeProvider clock, ILogger<Revocations> logger) : BackgroundService
{
    /// <summary>What the API server gives at most.</summary>
    public static readonly TimeSpan LongestGrant = TimeSpan.FromHours(24);

    private const int MaxDocumentLength = 4096;

    // Soon enough for «at once» on other replicas; a listing of a handful of objects.
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(2);

    private volatile IReadOnlyList<Revocation>? _all;

    /// <summary>What is revoked.</summary>
    public IReadOnlyList<Revocation> All => _all ?? [];

    /// <summary>Why a grant whose signature is good is not to be taken, or null.</summary>
    /// <exception cref="RegistryException">UNAVAILABLE while the list has not been read.</exception>
    public string? ProblemOf(Grant grant)
    {
        IReadOnlyList<Revocation> all = _all ?? throw new RegistryException(RegistryError.Unavailable, "The list of revoked grants cannot be read yet.");
        foreach (Revocation revocation in all)
        {
            if (revocation.Matches(grant))
            {
                return $"the grant was revoked at {revocation.RevokedAt:O}{(revocation.Reason is { Length: > 0 } reason ? $": {reason}" : "")}";
            }
        }

        return null;
    }

    /// <summary>Revokes. In force here when the call returns, elsewhere a moment later.</summary>
    public async Task<Revocation> RevokeAsync(RevocationRequest request, CancellationToken cancellationToken)
    {
        DateTimeOffset now = clock.GetUtcNow();
        var revocation = new Revocation { Grant = request.Grant, Subject = request.Subject, Reason = request.Reason, RevokedAt = now, Until = now + LongestGrant + GrantValidator.ClockSkew };
        byte[] document = JsonSerializer.SerializeToUtf8Bytes(revocation, RegistryJson.Default.Revocation);
        await backend.PutAsync(StoragePaths.Revocation(Guid.NewGuid().ToString("N")), document, PutMode.Replace, cancellationToken);
        await RefreshAsync(cancellationToken);
        return revocation;
    }

    /// <summary>Reads the list anew and forgets what has become pointless.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var all = new List<Revocation>();
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Revocations, null, cancellationToken))
        {
            if (await backend.ReadDocumentAsync(entry.Path, MaxDocumentLength, RegistryJson.Default.Revocation, cancellationToken) is not { } revocation)
            {
                // It says nothing any more, and whoever relies on it must learn that; the others still hold.
                Log.Damaged(logger, entry.Path);
                continue;
            }

            if (revocation.Until > clock.GetUtcNow())
            {
                all.Add(revocation);
            }
            else
            {
                await backend.DeleteAsync(entry.Path, cancellationToken);
            }
        }

        _all = all;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryRefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(RefreshEvery, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!stoppingToken.IsCancellationRequested && (backend.IsShared || _all is null or { Count: > 0 }))
            {
                await TryRefreshAsync(stoppingToken);
            }
        }
    }

    private async Task TryRefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RefreshAsync(cancellationToken);
        }
        catch (IOException failure)
        {
            // What was revoked before stays revoked.
            Log.Unreadable(logger, failure.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The list of revoked grants cannot be read: {Problem}")]
        public static partial void Unreadable(ILogger logger, string problem);

        [LoggerMessage(2, LogLevel.Error, "{Path} is damaged, and what it revoked is no longer known: revoke it again, and delete this")]
        public static partial void Damaged(ILogger logger, string path);
    }
}

/// <summary>What to revoke: a grant, or everything that a subject has.</summary>
internal sealed record RevocationRequest
{
    /// <summary>Id of one grant (<c>jti</c>).</summary>
    public string? Grant { get; init; }

    /// <summary>Everything that was given to this consumer until now; what it is given afterwards is good.</summary>
    public string? Subject { get; init; }

    public string? Reason { get; init; }
}

/// <summary>A revocation in force.</summary>
internal sealed record Revocation
{
    public string? Grant { get; init; }

    public string? Subject { get; init; }

    public string? Reason { get; init; }

    public required DateTimeOffset RevokedAt { get; init; }

    /// <summary>When the last grant it can mean has ended by itself.</summary>
    public required DateTimeOffset Until { get; init; }

    public bool Matches(Grant grant) => (Grant is not null && Grant == grant.Id) || (Subject is not null && Subject == grant.Subject && grant.IssuedAt <= RevokedAt);
}
