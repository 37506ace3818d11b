namespace AiModels.Controllers.Delivery;

/// <summary>A way of bringing Ready models to Pods (requirements D4, D5). One is chosen for the installation; all are known, so that volumes of another one can be taken down.</summary>
internal interface IDeliveryMode
{
    /// <summary>Value of the setting delivery.type.</summary>
    string Name { get; }

    /// <summary>
    /// Brings the models as near as they must be before a Pod may be scheduled, and tells whether they are there. Idempotent: called again until Prepared and
    /// after every change. Expected failures are <see cref="DeliveryOutcome.Held"/>.
    /// </summary>
    /// <param name="models">All Ready, names unique.</param>
    Task<DeliveryOutcome> PrepareAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken);

    /// <summary>The volumes of a plan that this mode made. Pure.</summary>
    VolumeSet Volumes(DeliveryPlan plan);

    /// <summary>Removes what was made for the workload beside its template. Called when it asks for no models any more, or has them in another way now.</summary>
    Task CleanupAsync(Workload workload, CancellationToken cancellationToken);
}
