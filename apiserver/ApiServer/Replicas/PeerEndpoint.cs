using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiServer.Progress;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Replicas;

/// <summary>What replicas say to each other: <c>POST /internal/progress</c> with reports by the models' UIDs. No part of the API, and refused without the replicas' token.</summary>
internal sealed class PeerEndpoint(RequestDelegate next, ProgressBoard board, PeerSecret secret)
{
    public const string ProgressPath = "/internal/progress";

    // Some hundred models with a thousand layers each.
    private const long MaximumBytes = 16 << 20;

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Path != ProgressPath)
        {
            await next(context);
            return;
        }

        if (context.Request.Method != HttpMethods.Post || context.Request.ContentLength is null or > MaximumBytes)
        {
            context.Response.StatusCode = 400;
            return;
        }

        if (BearerToken.Of(context) is not { } token || !await secret.IsTokenAsync(token, context.RequestAborted))
        {
            context.Response.StatusCode = 401;
            return;
        }

        context.Response.StatusCode = await TakeAsync(context.Request) ? 204 : 400;
    }

    private async Task<bool> TakeAsync(HttpRequest request)
    {
        try
        {
            JsonNode? reports = await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted);
            foreach ((string uid, JsonNode? report) in reports as JsonObject ?? [])
            {
                board.TakeOver(uid, report.Deserialize<ModelProgress>(ContractsJson.Options) ?? new ModelProgress());
            }
        }
        catch (JsonException)
        {
            return false; // a replica of another version; its progress is missed, no more
        }

        return true;
    }
}
