using AiModels.ApiMachinery.Errors;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Sends clients elsewhere while the server ends (contract H11). As long as it still serves, every connection that is used is asked to close (GOAWAY), because
/// kube-apiserver's outlive our place behind the Service. Afterwards what comes is refused, except from probes and kube-apiserver, who must not mistake it
/// for an answer.
/// </summary>
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

        if (shutdown.HasBegun)
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }

        return next(context);
    }
}
