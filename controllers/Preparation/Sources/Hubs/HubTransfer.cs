using Polly;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>How bytes are fetched from hubs: shared by all models and files of this process.</summary>
internal sealed class HubTransfer(TransferBudget budget, HubPatience patience, TimeProvider time)
{
    public TransferBudget Budget { get; } = budget;

    public HubPatience Patience { get; } = patience;

    public TimeProvider Time { get; } = time;

    public ResiliencePipeline Retries { get; } = HubRetry.Build(patience, time);
}
