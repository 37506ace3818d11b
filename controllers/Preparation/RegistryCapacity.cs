using AiModels.Controllers.Preparation.Sources;
using AiModels.Controllers.Preparation.Stages;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation;

/// <summary>Room as the registry keeps it.</summary>
internal sealed class RegistryCapacity(RegistryClient registry) : ICapacity
{
    // The same for all attempts of one model: a preparation that goes on after a restart renews what it had.
    private const string Holder = "preparation";

    public Task ReserveAsync(ModelObject model, SourceRoom room, CancellationToken cancellationToken) => registry.Capacity.ReserveAsync(
        model.Repository,
        new CapacityRequest
        {
            Holder = Holder,
            Bytes = room.Bytes,
            IncludesStored = room.IncludesStored,
            Owner = new CapacityOwner(model.Key.Kind, model.Key.Name.Namespace ?? "", model.Key.Name.Name),
        },
        cancellationToken);

    public Task ReleaseAsync(ModelObject model, CancellationToken cancellationToken) => registry.Capacity.ReleaseAsync(model.Repository, Holder, cancellationToken);
}
