using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Bounds ordinary requests: how many at once, and how long each (contract E9, E10, H1, H9). Watches and long-running subresources are exempt from both,
/// and from the server's own body limit.
/// </summary>
internal sealed class RequestLimits(
    RequestDelegate next, IOptions<ApiMachineryOptions> options, ResourceRegistry registry, TimeProvider time, ApiMachineryMetrics metrics,
    ServerShutdown shutdown)
{
    private const string TooMany = "Too many requests, please try again later.";
    private int _reads;
    private int _writes;
    private int _longRunning;

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not null)
        {
            // The application's own: a proxy or an upload sets its limits itself.
            await next(context);
            return;
        }

        RequestInfo info = RequestInfo.Of(context);
        if (IsLongRunning(context, info, registry))
        {
            await RunLongAsync(context, info);
            return;
        }

        if (!TryEnter(context, info))
        {
            await RefuseAsync(context, info);
            return;
        }

        using IDisposable underWay = shutdown.Enter(isLongRunning: false);
        try
        {
            // Subresources read their bodies themselves; the handlers bound those of ordinary writes, /status too, so that a client that is still sending
            // gets its 413 and no reset. A body that was read already (a host that translates protobuf) is in memory.
            if (info.Subresource is not ("" or "status") && context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            {
                size.MaxRequestBodySize = options.Value.MaximumRequestBytes;
            }

            await RunBoundedAsync(context, info);
        }
        catch (BadHttpRequestException tooLarge) when (tooLarge.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw ApiError.RequestEntityTooLarge($"limit is {options.Value.MaximumRequestBytes}");
        }
        finally
        {
            Leave(info);
        }
    }

    private async Task RunLongAsync(HttpContext context, RequestInfo info)
    {
        int limit = options.Value.MaximumLongRunning;
        try
        {
            if (Interlocked.Increment(ref _longRunning) > limit && limit > 0)
            {
                await RefuseAsync(context, info);
                return;
            }

            using (metrics.LongRunning(info))
            using (shutdown.Enter(isLongRunning: true))
            using (shutdown.Cut.Register(static state => ((HttpContext)state!).Abort(), context))
            {
                context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
                await next(context);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _longRunning);
        }
    }

    private async Task RefuseAsync(HttpContext context, RequestInfo info)
    {
        metrics.Terminated(info);
        context.Response.Headers.RetryAfter = "1";
        context.Response.StatusCode = 429;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(TooMany, context.RequestAborted);
    }

    // Writes of objects have a bound of their own, with upstream's other sentence (contract E10).
    private async Task RunBoundedAsync(HttpContext context, RequestInfo info)
    {
        bool isWrite = info is { IsResource: true, IsReadOnly: false, Subresource: "" or "status" };
        TimeSpan asked = TimeoutOf(context.Request), bound = isWrite && options.Value.WriteTimeout < asked ? options.Value.WriteTimeout : asked;
        CancellationToken client = context.RequestAborted;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(client);
        using ITimer timer = time.CreateTimer(
            static state => ((CancellationTokenSource)state!).Cancel(), deadline, bound, Timeout.InfiniteTimeSpan);
        context.RequestAborted = deadline.Token;
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !client.IsCancellationRequested)
        {
            context.RequestAborted = client;
            metrics.Terminated(info);
            throw ApiError.Timeout(isWrite
                ? "request did not complete within requested timeout - context deadline exceeded"
                : "request did not complete within the allotted timeout");
        }
        finally
        {
            context.RequestAborted = client;
        }
    }

    private TimeSpan TimeoutOf(HttpRequest request)
    {
        TimeSpan standard = options.Value.RequestTimeout;
        string text = request.QueryString.HasValue ? request.Query.First("timeout") : "";
        if (text.Length == 0)
        {
            return standard;
        }

        if (!GoDuration.TryParse(text, out TimeSpan asked))
        {
            throw ApiError.BadRequest("invalid timeout specified in the request URL - " + GoDuration.Problem(text));
        }

        return asked <= TimeSpan.Zero || asked > standard ? standard : asked;
    }

    /// <summary>Watches, and what a subresource says of itself.</summary>
    public static bool IsLongRunning(HttpContext context, RequestInfo info, ResourceRegistry registry)
    {
        if (!info.IsResource)
        {
            return false;
        }

        return info.Subresource.Length == 0
            ? info.Verb == "watch"
            : registry.Find(info) is { } resource
              && resource.Subresources.TryGetValue(info.Subresource, out ISubresource? subresource)
              && Handlers.SubresourceHandler.VerbOf(context.Request, subresource) is { } verb
              && (verb == "watch" || subresource.LongRunningVerbs.Contains(verb));
    }

    private bool TryEnter(HttpContext context, RequestInfo info)
    {
        int limit = info.IsReadOnly ? options.Value.MaximumReadsInFlight : options.Value.MaximumWritesInFlight;
        int now = info.IsReadOnly ? Interlocked.Increment(ref _reads) : Interlocked.Increment(ref _writes);
        if (limit == 0 || now <= limit || UserFeature.Of(context).IsInGroup(UserInfo.MastersGroup))
        {
            metrics.InFlight(info.IsReadOnly, 1);
            return true;
        }

        _ = info.IsReadOnly ? Interlocked.Decrement(ref _reads) : Interlocked.Decrement(ref _writes);
        return false;
    }

    private void Leave(RequestInfo info)
    {
        _ = info.IsReadOnly ? Interlocked.Decrement(ref _reads) : Interlocked.Decrement(ref _writes);
        metrics.InFlight(info.IsReadOnly, -1);
    }
}
