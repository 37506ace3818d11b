using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Integrity;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation;

/// <summary>Everything one decision about a model needs, gathered once. What is decided from it depends on nothing else.</summary>
internal sealed record ModelFacts
{
    public required ModelObject Model { get; init; }

    /// <summary>The upload session; null when the source is no upload or no session was ever opened.</summary>
    public UploadSessionStatus? Upload { get; init; }

    /// <summary>What the workers say about the model.</summary>
    public required PreparationState Work { get; init; }

    /// <summary>Why cleanup of a deleted model does not get on; null when it does.</summary>
    public string? CleanupProblem { get; init; }

    /// <summary>Why the user cannot be handed URL and token; null when that is no problem.</summary>
    public string? UploadProblem { get; init; }

    /// <summary>What the registry has lost of a model that is Ready; null when that is not known.</summary>
    public IReadOnlyList<LostContent>? Lost { get; init; }

    /// <summary>What is being done about it; null when nothing is or was.</summary>
    public RepairState? Repair { get; init; }

    /// <summary>Whether a repair is to begin.</summary>
    public bool IsRepairDue { get; init; }

    public required DateTimeOffset Now { get; init; }

    public ModelStatus Status => Model.Status;

    public bool IsUpload => Model.Source.Upload is not null;

    /// <summary>All bytes of an upload are there, or nobody has to send any.</summary>
    public bool HasSource => !IsUpload || Upload?.State is UploadStates.Received or UploadStates.Completed;

    /// <summary>Ready and Failed stay what they are: the spec cannot change.</summary>
    public bool IsSettled => Status.Phase is Phases.Ready or Phases.Failed;
}
