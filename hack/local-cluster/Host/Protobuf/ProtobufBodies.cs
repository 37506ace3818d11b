using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>
/// Turns request bodies of kubectl's typed clients into JSON before anything else sees them. Their envelope is "k8s\0" and a runtime.Unknown message
/// (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding-idl). A kind that is not known passes as it came and is refused with 415.
/// </summary>
internal static class ProtobufBodies
{
    private const string MediaType = "application/vnd.kubernetes.protobuf";

    // Bodies of imperative commands are small; the machinery's own limit is 3 MiB.
    private const int MaximumBytes = 3 * 1024 * 1024;

    private static readonly ProtoMessage Unknown = new(new()
    {
        [1] = new("typeMeta", ProtoKind.Message, false, new ProtoMessage(new() { [1] = new("apiVersion"), [2] = new("kind") })),
        [2] = new("raw", ProtoKind.Bytes),
    });

    public static void UseProtobufBodies(this WebApplication app) => app.Use(async (http, next) =>
    {
        if (http.Request.ContentType?.StartsWith(MediaType, StringComparison.OrdinalIgnoreCase) == true && http.Request.ContentLength is > 4 and <= MaximumBytes) await ConvertAsync(http);
        await next(http);
    });

    private static async Task ConvertAsync(HttpContext http)
    {
        byte[] body = new byte[(int)http.Request.ContentLength!.Value];
        await http.Request.Body.ReadExactlyAsync(body, http.RequestAborted);
        byte[]? json = Convert(body);
        http.Request.Body = new MemoryStream(json ?? body);
        if (json == null) return;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = json.Length;
    }

    private static byte[]? Convert(byte[] body)
    {
        if (!body.AsSpan().StartsWith("k8s\0"u8)) return null;
        try
        {
            JsonObject envelope = Unknown.Read(body.AsSpan(4));
            string kind = (string?)envelope.At("typeMeta.kind") ?? "";
            if (!KubernetesMessages.ByKind.TryGetValue(kind, out ProtoMessage? message)) return null;
            JsonObject document = message.Read(System.Convert.FromBase64String((string?)envelope["raw"] ?? ""));
            document.Insert(0, "kind", kind);
            document.Insert(0, "apiVersion", (string?)envelope.At("typeMeta.apiVersion"));
            return JsonSerializer.SerializeToUtf8Bytes(document);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            return null;
        }
    }
}
