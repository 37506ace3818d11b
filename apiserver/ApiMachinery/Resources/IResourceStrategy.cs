using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// The slots a kind may fill in the fixed order of a write (ResourceStore): decode and prune, defaults, metadata rules, <see cref="Prepare"/>,
/// schema validation, <see cref="Validate"/>, <see cref="Warn"/>, store. Implementations are pure: no clock, no network, no storage.
/// Documents are complete objects (apiVersion, kind, metadata, …); typed strategies read them through their contract types.
/// </summary>
public interface IResourceStrategy
{
    /// <summary>Called after defaults, before validation. May change <paramref name="current"/>. <paramref name="previous"/> is null on create.</summary>
    void Prepare(JsonObject current, JsonObject? previous)
    {
    }

    /// <summary>All errors at once, with paths. The schema has been checked already and its errors are reported together with these.</summary>
    IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous) => [];

    /// <summary>Sentences for Warning headers: accepted, but probably not what was meant.</summary>
    IEnumerable<string> Warn(JsonObject current, JsonObject? previous) => [];

    /// <summary>Checks a write to /status, after the schema.</summary>
    IEnumerable<FieldError> ValidateStatus(JsonObject current, JsonObject previous) => [];
}
