using System.Text.Json;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using Microsoft.AspNetCore.Http.Features;

namespace AiModels.NodeAgent.Api;

/// <summary><see cref="NodeCacheApi"/> on the agent's socket.</summary>
internal static class NodeCacheEndpoints
{
    public static void MapNodeCache(this IEndpointRouteBuilder routes)
    {
        var cache = routes.ServiceProvider.GetRequiredService<Cache.NodeCache>();
        routes.MapPost(NodeCacheApi.MountsPath, http => EnsureAsync(http, cache));
        routes.MapDelete(NodeCacheApi.MountsPath + "/{volumeId}", http =>
        {
            cache.Release(VolumeIdOf(http));
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        });
        routes.MapGet(NodeCacheApi.StatusPath, http => WriteAsync(http, StatusCodes.Status200OK, cache.Status()));
    }

    /// <summary>From the raw target, because routing leaves an escaped slash as it is.</summary>
    private static string VolumeIdOf(HttpContext http) =>
        Uri.UnescapeDataString(http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget[(NodeCacheApi.MountsPath.Length + 1)..]);

    private static async Task EnsureAsync(HttpContext http, Cache.NodeCache cache)
    {
        try
        {
            EnsureModelResponse response = await cache.EnsureAsync(await ReadAsync(http), http.RequestAborted);
            await WriteAsync(http, response.Path is null ? StatusCodes.Status202Accepted : StatusCodes.Status200OK, response);
        }
        catch (NodeAgentException e)
        {
            await WriteAsync(http, StatusOf(e.Code), new NodeCacheError { Code = e.Code, Message = e.Message });
        }
    }

    private static async Task<EnsureModelRequest> ReadAsync(HttpContext http)
    {
        EnsureModelRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync<EnsureModelRequest>(http.Request.Body, ContractsJson.Options, http.RequestAborted);
        }
        catch (Exception e) when (e is JsonException or BadHttpRequestException)
        {
            throw new NodeAgentException(NodeAgentException.InvalidArgument, $"the body is no request for a model: {e.Message}");
        }

        return MountRequestCheck.FaultOf(request) is { } fault ? throw new NodeAgentException(NodeAgentException.InvalidArgument, fault) : request!;
    }

    private static int StatusOf(string code) => code switch
    {
        NodeAgentException.InvalidArgument => StatusCodes.Status400BadRequest,
        NodeAgentException.PermissionDenied => StatusCodes.Status403Forbidden,
        NodeAgentException.NotFound => StatusCodes.Status404NotFound,
        NodeAgentException.ResourceExhausted => StatusCodes.Status507InsufficientStorage,
        _ => StatusCodes.Status503ServiceUnavailable,
    };

    private static Task WriteAsync<T>(HttpContext http, int status, T body)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(body, ContractsJson.Options, http.RequestAborted);
    }
}
