using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// What a workload gets. It is written on the workload (annotation ai.deckhouse.io/resolved-models), so that people see it and so that what was delivered
/// can be kept when a model goes away under a running workload (requirement Q5).
/// </summary>
/// <param name="Mode">Name of the <see cref="IDeliveryMode"/>.</param>
/// <param name="Claim">SharedPVC: the claim that holds the models.</param>
internal sealed record DeliveryPlan(string Mode, string? Claim, IReadOnlyList<DeliveredModel> Models)
{
    /// <summary>SharedPVC: tells the claim from another of its name. Null in what versions before this field wrote.</summary>
    public string? ClaimUid { get; init; }

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>The mode that delivered before, for as long as what it made is still to be removed; else null.</summary>
    public string? Left { get; init; }

    public string Encode() => JsonSerializer.Serialize(this, Json);

    /// <summary>Whether the annotation is there, readable or not.</summary>
    public static bool IsIn(JsonObject workload) => (workload["metadata"]?["annotations"] as JsonObject)?.ContainsKey(Contracts.WellKnown.Annotations.ResolvedModels) == true;

    /// <summary>
    /// Reads the annotation; null when it is absent or not what we write (somebody edited it): what is missing in it would come to light only where a template is made of it.
    /// </summary>
    public static DeliveryPlan? Decode(JsonObject workload)
    {
        string? text = (string?)workload["metadata"]?["annotations"]?[Contracts.WellKnown.Annotations.ResolvedModels];
        try
        {
            return text is null ? null : JsonSerializer.Deserialize<DeliveryPlan>(text, Json) is { IsWhole: true } plan ? plan : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private bool IsWhole =>
        Mode is not null
        && (Mode != SharedPvc.SharedPvcMode.ModeName || ObjectName.IsValid(Claim))
        && Models is not null
        && Models.All(model => model is { Kind: not null, Name: not null } && ObjectName.IsValid(model.Name) && ModelPack.Oci.Digest.TryParse(model.Digest, out _))
        && Models.DistinctBy(model => model.Name).Count() == Models.Count;

    /// <summary>Whether it delivers exactly what is asked for.</summary>
    public bool Answers(ModelReferences references) =>
        references.Errors.Count == 0
        && Models.Select(model => new ModelReference(model.Kind, model.Name)).ToHashSet().SetEquals(references.Models);
}

/// <summary>One model of a plan.</summary>
/// <param name="Kind">Model or ClusterModel.</param>
internal sealed record DeliveredModel(string Kind, string Name, string Digest, string? Family)
{
    /// <summary>The hex digits of the digest: name of the model's folder in a shared claim.</summary>
    [JsonIgnore]
    public string DigestHex => Digest[(Digest.IndexOf(':') + 1)..];
}
