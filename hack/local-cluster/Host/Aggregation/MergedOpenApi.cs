using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.OpenApi;
using AiModels.LocalCluster.Host.Protobuf;

namespace AiModels.LocalCluster.Host.Aggregation;

/// <summary>/openapi/v2 of the host and of the server behind it, as JSON and as the protobuf that kubectl takes. Without that server it is the host's alone.</summary>
internal sealed class MergedOpenApi(HostTypes types, AggregationClient client, ILogger<MergedOpenApi> logger)
{
    public async Task HandleAsync(HttpContext http)
    {
        JsonObject document = JsonNode.Parse(OpenApiV2Document.Build("Kubernetes", types.Definitions).Utf8.Span)!.AsObject();
        try
        {
            JsonObject behind = await client.GetJsonAsync("/openapi/v2", "application/json", http.RequestAborted);
            foreach (string part in (string[])["paths", "definitions"])
                foreach ((string name, JsonNode? value) in behind[part]!.AsObject()) document[part]!.AsObject().TryAdd(name, value?.DeepClone());
        }
        catch (Exception e) when (e is HttpRequestException or JsonException)
        {
            logger.LogWarning("OpenAPI of the AI Models API server is missing: {Reason}", e.Message);
        }

        bool isProtobuf = http.Request.Headers.Accept.ToString().Contains("+protobuf", StringComparison.Ordinal);
        http.Response.ContentType = isProtobuf ? OpenApiProtobuf.MediaType : "application/json";
        await http.Response.Body.WriteAsync(isProtobuf ? OpenApiProtobuf.Encode(document) : JsonSerializer.SerializeToUtf8Bytes(document), http.RequestAborted);
    }
}
