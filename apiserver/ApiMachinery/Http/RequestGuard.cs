using AiModels.ApiMachinery.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Turns whatever goes wrong behind it into a Status; a defect becomes upstream's panic text (contract D26, E7).
/// </summary>
internal sealed partial class RequestGuard(RequestDelegate next, ILogger<RequestGuard> log, ApiMachineryMetrics metrics, TimeProvider time)
{
    private const string Panic = "This request caused apiserver to panic. Look in the logs for details.";

    public async Task InvokeAsync(HttpContext context)
    {
        RequestInfo info = RequestInfo.Of(context);
        context.Response.Headers.CacheControl = "no-cache, private";
        long started = time.GetTimestamp();
        try
        {
            await next(context);
        }
        catch (Exception error) when (IsGone(context, error))
        {
            // The client left (a closed connection, a reset stream): there is nobody to answer.
        }
        catch (Exception error)
        {
            await AnswerAsync(context, error);
        }
        finally
        {
            metrics.Request(context, info, time.GetElapsedTime(started));
        }
    }

    private static bool IsGone(HttpContext context, Exception error) =>
        context.RequestAborted.IsCancellationRequested && (error is OperationCanceledException or IOException or ApiException);

    private async Task AnswerAsync(HttpContext context, Exception error)
    {
        ApiException? status = StatusResponse.Of(error);
        if (status is null)
        {
            Log.Panicked(log, error, context.Request.Method, context.Request.Path);
        }

        if (context.Response.HasStarted)
        {
            // Half an answer is out: only an abort tells the client that it is not whole.
            metrics.Aborted(RequestInfo.Of(context));
            context.Abort();
        }
        else if (status is not null)
        {
            await StatusResponse.WriteAsync(context, status);
        }
        else
        {
            context.Response.StatusCode = 500;
            context.Response.ContentType = "text/plain; charset=utf-8";
            await context.Response.WriteAsync(error is AuthorizerFailedException ? error.Message : Panic, context.RequestAborted);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "A request failed unexpectedly: {Method} {Path}")]
        public static partial void Panicked(ILogger log, Exception error, string method, string path);
    }
}
