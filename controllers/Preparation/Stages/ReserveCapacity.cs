using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources;
using AiModels.ModelPack.Chunking;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>
/// Says how much room the model takes before its bytes move, and has it kept (requirement P9). Run again for the same model it renews. The room that is not
/// needed after all comes back with <see cref="ReleaseCapacity"/>, or when the model's content is dropped, or when nobody renews it.
/// </summary>
internal sealed class ReserveCapacity(ICapacity capacity) : IPreparationStage
{
    // A manifest names each chunk in some 400 bytes; config, file names and annotations are a few KiB.
    private const long ManifestBase = 64 * 1024;
    private const long ManifestPerChunk = 512;

    public string Name => "Reserve";

    public string Reason => Reasons.PublicationStarted;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        (string Path, long Length)[] files = [.. context.Content!.Files.Where(file => context.Kept.Contains(file.Path)).Select(file => (file.Path, file.Length))];
        context.Progress.Expect(files);

        // No room is a RegistryException, which the pipeline turns into InsufficientStorage with the registry's bytes.
        SourceRoom room = context.Content.Room(context.Kept);
        await capacity.ReserveAsync(context.Model, room with { Bytes = room.Bytes + ManifestRoom(files) }, cancellationToken);
        return StageOutcome.Done;
    }

    private static long ManifestRoom((string Path, long Length)[] files)
    {
        int chunk = ChunkSize.For(files.Sum(file => file.Length));
        return ManifestBase + (files.Sum(file => (file.Length / chunk) + 1) * ManifestPerChunk);
    }
}

/// <summary>Room in the registry.</summary>
internal interface ICapacity
{
    /// <summary>Keeps room for a model; again for the same model renews. Throws RegistryException, IsInsufficientStorage, when there is none.</summary>
    Task ReserveAsync(ModelObject model, SourceRoom room, CancellationToken cancellationToken);

    /// <summary>Gives back what is left of it.</summary>
    Task ReleaseAsync(ModelObject model, CancellationToken cancellationToken);
}
