using System.Collections.Concurrent;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace AiModels.CsiDriver.Tests;

/// <summary>A node agent that speaks the real protocol on a real socket and answers what the test says.</summary>
internal sealed class FakeNodeAgent : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeNodeAgent(WebApplication app) => _app = app;

    /// <summary>Answers POST /v1/mounts: a status and its body.</summary>
    public Func<EnsureModelRequest, (int Status, object Body)> OnEnsure { get; set; } = _ => (404, Error("NotFound", "no such model"));

    public ConcurrentDictionary<string, EnsureModelRequest> Leases { get; } = new();

    public static NodeCacheError Error(string code, string message) => new() { Code = code, Message = message };

    public static async Task<FakeNodeAgent> StartAsync(string socket)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        WebApplication app = builder.Build();
        var agent = new FakeNodeAgent(app);
        app.MapPost(NodeCacheApi.MountsPath, agent.EnsureAsync);
        app.MapDelete(NodeCacheApi.MountsPath + "/{id}", (HttpContext http) =>
        {
            // As the agent reads it: routing leaves an escaped slash as it is.
            string target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            agent.Leases.TryRemove(Uri.UnescapeDataString(target[(NodeCacheApi.MountsPath.Length + 1)..]), out _);
            return Results.NoContent();
        });
        await app.StartAsync();
        return agent;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task EnsureAsync(HttpContext http)
    {
        EnsureModelRequest request = (await http.Request.ReadFromJsonAsync<EnsureModelRequest>(ContractsJson.Options))!;
        (int status, object body) = OnEnsure(request);
        if (status == 200)
        {
            Leases[request.VolumeId] = request;
        }

        http.Response.StatusCode = status;
        await http.Response.WriteAsJsonAsync(body, body.GetType(), ContractsJson.Options);
    }
}
