using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Where a chunked list goes on: a revision and the last key seen, relative to the list's prefix (contract L7).</summary>
/// <param name="Revision">-1: whatever is newest, after the chain's own revision was compacted (contract L8).</param>
internal sealed record ContinueToken(long Revision, string Start)
{
    private const string Version = "meta.k8s.io/v1";
    private static readonly System.Buffers.SearchValues<char> Base64Letters =
        System.Buffers.SearchValues.Create("-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    public string Encode() => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
        new JsonObject { ["v"] = Version, ["rv"] = Revision, ["start"] = Start + "\0" }.ToJsonString()));

    public static ContinueToken Decode(string text)
    {
        byte[] json = Unpack(text);
        JsonObject token = Read(json);
        string version = Field<string>(token, "v", "string") ?? "", start = Field<string>(token, "start", "string") ?? "";
        long revision = Field<long>(token, "rv", "int64");
        if (version != Version)
        {
            throw Invalid($"server does not recognize this encoded version {version}");
        }

        if (revision == 0 || start.Length == 0)
        {
            throw Invalid((revision == 0 ? "incorrect encoded start resourceVersion" : "encoded start key empty") + $" (version {Version})");
        }

        // A start that climbs (../) could reach beyond the prefix of the list.
        return start.TrimStart('/').Split('/').Any(step => step is "" or "." or "..")
            ? throw Invalid(start)
            : new ContinueToken(Math.Max(-1, revision), start.TrimEnd('\0'));
    }

    private static byte[] Unpack(string text)
    {
        try
        {
            return Base64Url.DecodeFromChars(text.AsSpan().TrimEnd('='));
        }
        catch (FormatException)
        {
            int at = text.AsSpan().IndexOfAnyExcept(Base64Letters);
            throw Invalid($"illegal base64 data at input byte {(at < 0 ? text.Length : at)}");
        }
    }

    private static JsonObject Read(byte[] json)
    {
        try
        {
            DecodedDocument document = DocumentDecoder.DecodeJson(json);
            return document.Object ?? (document.Root is null
                ? []
                : throw Invalid($"json: cannot unmarshal {ObjectMetaShape.GoKind(document.Root)} into Go value of type storage.continueToken"));
        }
        catch (DocumentFormatException error)
        {
            throw Invalid(error.Message);
        }
    }

    private static T? Field<T>(JsonObject token, string name, string type) => token[name] switch
    {
        null => default,
        JsonValue value when value.TryGetValue(out T? found) => found,
        var other => throw Invalid($"json: cannot unmarshal {ObjectMetaShape.GoKind(other)} into Go struct field continueToken.{name} of type {type}"),
    };

    private static ApiException Invalid(string why) => ApiError.BadRequest("invalid continue token: continue key is not valid: " + why);
}
