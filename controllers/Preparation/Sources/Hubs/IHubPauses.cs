namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Rate limits that were met, shared by all processes of the cluster that prepare models (replicas and Jobs). A hint and not a lock: when it cannot be read or
/// written, each process still keeps the limits it meets itself. Never throws but for cancellation.
/// </summary>
internal interface IHubPauses
{
    /// <summary>Until when each kind of request to a hub is to wait.</summary>
    Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadAsync(Uri hub, CancellationToken cancellationToken);

    /// <summary>Tells the others. A later end that is there already stays.</summary>
    Task PublishAsync(Uri hub, string bucket, DateTimeOffset until, CancellationToken cancellationToken);
}
