using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>A workload as it was read for one reconciliation.</summary>
internal sealed record Workload(WorkloadKind Kind, JsonObject Document)
{
    public string Namespace => (string?)Document["metadata"]?["namespace"] ?? "";
    public string Name => (string?)Document["metadata"]?["name"] ?? "";
    public string Uid => (string?)Document["metadata"]?["uid"] ?? "";
    public bool IsDeleting => Document["metadata"]?["deletionTimestamp"] is not null;

    /// <summary>The Pod template; an empty one for a document without.</summary>
    public JsonObject Template => Kind.TemplateOf(Document) ?? [];

    /// <summary>The user's own claim (requirement D8), or null.</summary>
    public string? UserClaim => (string?)Document["metadata"]?["annotations"]?[Annotations.ModelCacheClaim];

    /// <summary>Ten hex digits that tell this workload from every other, a re-created one of the same name included.</summary>
    public string Hash => Hashing.Short(Uid);

    /// <summary>Makes an object go with the workload; users' workloads themselves get no finalizer (requirement Q6).</summary>
    public JsonArray OwnerReferences() =>
    [
        new JsonObject
        {
            ["apiVersion"] = Kind.Type.ApiVersion,
            ["kind"] = Kind.Type.Kind,
            ["name"] = Name,
            ["uid"] = Uid,
        },
    ];

    public JsonObject Labels() => new() { [Contracts.WellKnown.Labels.ManagedBy] = Contracts.WellKnown.Labels.ManagedByValue, [Contracts.WellKnown.Labels.WorkloadUid] = Uid };
}

/// <summary>Short names from long ones.</summary>
internal static class Hashing
{
    // 40 bits: among the few objects of a workload or namespace a clash does not happen, and names stay readable.
    private const int Digits = 10;

    public static string Short(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..Digits];
}
