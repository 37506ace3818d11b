using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Registry;

/// <summary>Brings a model's files to a folder.</summary>
internal interface IModelSource
{
    /// <summary>Returns when the folder is complete and verified. Goes on with what an earlier, interrupted call left.</summary>
    Task FetchAsync(AuthorizedModel model, string target, MaterializationProgress progress, CancellationToken cancellationToken);
}
