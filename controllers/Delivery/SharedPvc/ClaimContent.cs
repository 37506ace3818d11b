using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// What a claim is known to hold: digest to logical bytes, from its annotation ai.deckhouse.io/materialized. It outlives the Jobs that wrote it, and goes with the claim,
/// so a claim that was made anew is filled anew. A user's claim has no such record (requirement D8: it is never annotated); there the completed Job is the record.
/// </summary>
internal sealed record ClaimContent(string Name, bool IsOurs, IReadOnlyDictionary<string, long> Held)
{
    /// <summary>Of a claim of ours. An annotation that is not what we write counts as none: the Jobs find what is there.</summary>
    public static ClaimContent Of(JsonObject claim)
    {
        string name = (string)claim["metadata"]!["name"]!;
        try
        {
            return (string?)claim["metadata"]?["annotations"]?[Annotations.Materialized] is { } text
                ? new ClaimContent(name, true, JsonSerializer.Deserialize<Dictionary<string, long>>(text) ?? [])
                : Empty(name);
        }
        catch (JsonException)
        {
            return Empty(name);
        }
    }

    /// <summary>A claim of ours that was just made.</summary>
    public static ClaimContent Empty(string name) => new(name, true, new Dictionary<string, long>());

    public static ClaimContent OfUser(string name) => new(name, false, new Dictionary<string, long>());

    /// <summary>With one more artifact.</summary>
    public ClaimContent With(DeliveredModel model, long bytes) => this with { Held = new SortedDictionary<string, long>(Held.ToDictionary(), StringComparer.Ordinal) { [model.Digest] = bytes } };

    /// <summary>A merge patch that writes the record.</summary>
    public JsonObject Patch() => new()
    {
        ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotations.Materialized] = JsonSerializer.Serialize(Held) } },
    };
}
