using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiServer.Resources.ClusterModels;

/// <summary>Behaviour of ClusterModel beyond its schema.</summary>
internal sealed class ClusterModelStrategy : IResourceStrategy
{
    public void Prepare(JsonObject current, JsonObject? previous) => CleanupFinalizer.AddOnCreate(current, previous);

    public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous) => ModelSourceRules.Validate(current, previous);
}
