using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Asks HTTP/2 connections to close now and then (k8s.io/apiserver/pkg/server/filters/goaway.go; contract H13): kube-apiserver carries everything over few of
/// them, and without a nudge they never find a replica that came later. GOAWAY; what is under way is answered, watches included.
/// </summary>
internal sealed class GoAwayMiddleware(RequestDelegate next, IOptions<ApiMachineryOptions> options, Random random)
{
    public Task InvokeAsync(HttpContext context)
    {
        double chance = options.Value.GoAwayChance;
        if (chance > 0 && HttpProtocol.IsHttp2(context.Request.Protocol) && random.NextDouble() < chance)
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }

        return next(context);
    }
}
