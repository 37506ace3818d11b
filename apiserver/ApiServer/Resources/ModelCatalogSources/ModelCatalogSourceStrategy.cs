using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiServer.Resources.ModelCatalogSources;

/// <summary>Behaviour of ModelCatalogSource beyond its schema. Its spec may change at any time.</summary>
internal sealed class ModelCatalogSourceStrategy : IResourceStrategy
{
    // Ten seconds: more often would be polling somebody else's cluster to death.
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(10);

    public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
    {
        if ((current["spec"] as JsonObject)?["refreshInterval"] is JsonValue value && GoDuration.TryParse(value.ToString(), out TimeSpan interval) && interval < ShortestInterval)
        {
            yield return FieldError.Invalid("spec.refreshInterval", value.ToString(), "must be at least 10s");
        }
    }
}
