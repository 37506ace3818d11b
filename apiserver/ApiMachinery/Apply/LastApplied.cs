using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>
/// kubectl's annotation of client-side apply, which a server-side apply by the manager "kubectl" takes over (contract M28):
/// what the annotation says and the object still has, kubectl may change without --force-conflicts.
/// </summary>
internal static class LastApplied
{
    /// <summary>The one manager this is for.</summary>
    public const string Manager = "kubectl";
    private const string Annotation = "kubectl.kubernetes.io/last-applied-configuration";
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Fields that were applied by the client and still have that value.</summary>
    public static FieldSet OwnedFields(Schema schema, string apiVersion, JsonObject live)
    {
        if (TextOf(live) is not { } text)
        {
            return FieldSet.Empty;
        }

        JsonObject? applied;
        try
        {
            applied = DocumentDecoder.DecodeJson(Encoding.UTF8.GetBytes(text)).Object;
        }
        catch (DocumentFormatException)
        {
            return FieldSet.Empty; // somebody wrote something else there
        }

        if (applied is null || (applied["apiVersion"] as JsonValue)?.ToString() != apiVersion || TypedCheck.Run(schema, applied, allowsDuplicates: true) is not null)
        {
            return FieldSet.Empty;
        }

        Comparison comparison = Comparison.Of(schema, applied, live);
        return AppliedFields.Of(schema, applied).Except(comparison.Modified).Except(comparison.Added).Except(comparison.Removed);
    }

    /// <summary>Rewrites the annotation, where there is one, to what is applied now.</summary>
    public static void Update(JsonObject result, JsonObject applied)
    {
        if (TextOf(result) is null)
        {
            return;
        }

        var copy = (JsonObject)applied.DeepClone();
        ((copy["metadata"] as JsonObject)?["annotations"] as JsonObject)?.Remove(Annotation);
        result["metadata"]!["annotations"]![Annotation] = copy.ToJsonString(Plain) + "\n";
    }

    private static string? TextOf(JsonObject obj) =>
        (((obj["metadata"] as JsonObject)?["annotations"] as JsonObject)?[Annotation] as JsonValue)?.ToString();
}
