using AiModels.ApiMachinery.Errors;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Refuses what comes while the server ends, except from probes and kube-apiserver, who must not mistake it for an answer (contract H11).</summary>
internal sealed class ShutdownMiddleware(RequestDelegate next, ServerShutdown shutdown)
{
    private static readonly string[] Probes = ["/livez", "/readyz", "/healthz"];

    public Task InvokeAsync(HttpContext context)
    {
        if (shutdown.Draining.IsCancellationRequested
            && !Probes.Contains(context.Request.Path.Value)
            && !context.Request.Headers.UserAgent.ToString().StartsWith("kube-apiserver/", StringComparison.Ordinal))
        {
            throw ApiError.ServiceUnavailable("apiserver is shutting down", retryAfterSeconds: 1);
        }

        return next(context);
    }
}
