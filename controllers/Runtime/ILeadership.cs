namespace AiModels.Controllers.Runtime;

/// <summary>
/// Which of several replicas works. Controllers wait for it before they take their first key, and stop taking keys when the lease is lost:
/// two replicas that both believe to lead would write the same objects, which optimistic concurrency then refuses.
/// </summary>
internal interface ILeadership
{
    /// <summary>Completes when this replica leads. The token is cancelled when it no longer does.</summary>
    Task<CancellationToken> AcquireAsync(CancellationToken cancellationToken);
}

/// <summary>The only replica, or one of a set that was told to run without election.</summary>
internal sealed class AlwaysLeader : ILeadership
{
    public Task<CancellationToken> AcquireAsync(CancellationToken cancellationToken) => Task.FromResult(CancellationToken.None);
}
