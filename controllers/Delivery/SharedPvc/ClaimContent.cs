using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// What a claim is known to hold: digest to logical bytes, from its annotation ai.deckhouse.io/materialized. It outlives the Jobs that wrote it, and goes with the claim,
/// so a claim that was made anew is filled anew. What is being removed stands in another annotation, ai.deckhouse.io/removing, until it is gone: it takes room and is not there. A user's claim has no such record (requirement D8: it is never annotated); there the completed Job is the record.
/// </summary>
/// <param name="Uid">Tells the claim from one of the same name that was there before it: what was written to that one is not on this one.</param>
internal sealed record ClaimContent(string Name, string Uid, bool IsOurs, IReadOnlyDictionary<string, long> Held, IReadOnlyDictionary<string, long> Removing)
{
    private static readonly IReadOnlyDictionary<string, long> Nothing = new Dictionary<string, long>();

    /// <summary>Of a claim of ours. An annotation that is not what we write counts as none: the Jobs find what is there.</summary>
    public static ClaimContent Of(JsonObject claim) =>
        new(NameOf(claim), UidOf(claim), true, Read(claim, Annotations.Materialized), Read(claim, Annotations.Removing));

    public static ClaimContent OfUser(JsonObject claim) => new(NameOf(claim), UidOf(claim), false, Nothing, Nothing);

    /// <summary>Logical bytes that take room on the claim.</summary>
    public IEnumerable<long> Sizes => Held.Values.Concat(Removing.Values);

    /// <summary>With one more artifact.</summary>
    public ClaimContent With(DeliveredModel model, long bytes) => this with { Held = Sorted(Held.Append(KeyValuePair.Create(model.Digest, bytes)).DistinctBy(held => held.Key)) };

    /// <summary>With these artifacts on their way out.</summary>
    public ClaimContent Without(IReadOnlySet<string> digests) => this with
    {
        Held = Sorted(Held.Where(held => !digests.Contains(held.Key))),
        Removing = Sorted(Held.Where(held => digests.Contains(held.Key))),
    };

    /// <summary>With nothing on its way out any more.</summary>
    public ClaimContent Settled() => this with { Removing = Nothing };

    /// <summary>A merge patch that writes the record; an annotation that says nothing goes. Refused (409) when another claim has the name by now.</summary>
    public JsonObject Patch() => new()
    {
        ["metadata"] = new JsonObject
        {
            ["uid"] = Uid,
            ["annotations"] = new JsonObject
            {
                [Annotations.Materialized] = JsonSerializer.Serialize(Held),
                [Annotations.Removing] = Removing.Count == 0 ? null : JsonSerializer.Serialize(Removing),
            },
        },
    };

    private static string NameOf(JsonObject claim) => (string)claim["metadata"]!["name"]!;

    private static string UidOf(JsonObject claim) => (string)claim["metadata"]!["uid"]!;

    private static IReadOnlyDictionary<string, long> Read(JsonObject claim, string annotation)
    {
        try
        {
            return (string?)claim["metadata"]?["annotations"]?[annotation] is { } text ? JsonSerializer.Deserialize<Dictionary<string, long>>(text) ?? Nothing : Nothing;
        }
        catch (JsonException)
        {
            return Nothing;
        }
    }

    private static SortedDictionary<string, long> Sorted(IEnumerable<KeyValuePair<string, long>> content) => new(content.ToDictionary(), StringComparer.Ordinal);
}
