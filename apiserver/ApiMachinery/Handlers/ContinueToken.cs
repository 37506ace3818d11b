using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Where a chunked list goes on: a revision and the last key seen, relative to the list's prefix (contract L7).</summary>
/// <param name="Revision">-1: whatever is newest, after the chain's own revision was compacted (contract L8).</param>
internal sealed record ContinueToken(long Revision, string Start)
{
    private const string Version = "meta.k8s.io/v1";

    public string Encode() => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
        new JsonObject { ["v"] = Version, ["rv"] = Revision, ["start"] = Start + "\0" }.ToJsonString()));

    public static ContinueToken Decode(string text)
    {
        try
        {
            JsonObject token = JsonNode.Parse(Base64Url.DecodeFromChars(text.AsSpan().TrimEnd('='))) as JsonObject ?? throw Invalid("not an object");
            if ((string?)token["v"] != Version)
            {
                throw Invalid("incorrect encoded continue token version");
            }

            string start = (string?)token["start"] ?? "";
            long revision = (long?)token["rv"] ?? 0;
            return start.Length == 0 || revision is 0 or < -1
                ? throw Invalid("missing start or resource version")
                : new ContinueToken(revision, start.TrimEnd('\0'));
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException or ArgumentException) // the last: a field named twice
        {
            throw Invalid(error.Message);
        }
    }

    private static ApiException Invalid(string why) => ApiError.BadRequest("invalid continue token: continue key is not valid: " + why);
}
