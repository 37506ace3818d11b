using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>
/// GET of a collection with ?watch: what exists (when asked for), then every change, until the client leaves, the time is up or the server stops
/// (contract 4.6). Ends cleanly in all three cases; what the store cannot give any more is an ERROR event.
/// </summary>
internal sealed class WatchHandler(
    IOptions<ApiMachineryOptions> options, TimeProvider time, ServerShutdown shutdown, ApiMachineryMetrics metrics)
{
    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context, isWatch: true);
        ListQuery query = ListQuery.Parse(context, info, resource.Definition);
        TimeSpan lifetimeOfWatch = query.Timeout is { Ticks: > 0 } asked ? asked : options.Value.MinimumWatchTimeout * (1 + Random.Shared.NextDouble());
        using var timeout = new CancellationTokenSource(lifetimeOfWatch, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, shutdown.Draining, timeout.Token);

        await using IWatchSink sink = await WatchSinks.OpenAsync(context);
        var run = new WatchRun(resource, info.Namespace, query, new WatchEncoder(negotiated, resource, time), sink, options.Value, time, metrics, lifetimeOfWatch);
        try
        {
            await run.StreamAsync(end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The client left, the time is up, or the server stops: the stream just ends.
        }
        catch (StoreUnavailableException)
        {
            // The client resumes from the last revision it saw (contract W17).
        }
        catch (RevisionCompactedException old)
        {
            await run.FailAsync(ApiError.Expired($"too old resource version: {old.Requested} ({old.Oldest})"));
        }
        catch (ApiException error)
        {
            await run.FailAsync(error);
        }
    }
}
