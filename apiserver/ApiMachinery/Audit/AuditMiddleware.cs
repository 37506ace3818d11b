using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Audit;

/// <summary>
/// Notes every request to a resource: reads too, because who read a model is a question as well. Discovery, health and metrics are not about objects.
/// What lasts (a watch, an upload) is noted when it begins and when it ends.
/// </summary>
internal sealed class AuditMiddleware(RequestDelegate next, AuditLog audit, ResourceRegistry registry, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context)
    {
        RequestInfo info = RequestInfo.Of(context);
        if (!info.IsResource)
        {
            await next(context);
            return;
        }

        DateTimeOffset received = time.GetUtcNow();
        UserInfo? user = null;
        context.Features.Set(new Authenticated(found => user = found));
        if (RequestLimits.IsLongRunning(context, info, registry))
        {
            context.Response.OnStarting(() =>
            {
                Add(AuditEvent.Started);
                return Task.CompletedTask;
            });
        }

        try
        {
            await next(context);
        }
        finally
        {
            Add(AuditEvent.Complete);
        }

        void Add(string stage) => audit.Add(AuditEvent.Of(context, info, stage, user ?? UserFeature.Of(context), received, time.GetUtcNow()));
    }

    /// <summary>Told who authenticated, before impersonation puts another in the place.</summary>
    internal sealed record Authenticated(Action<UserInfo> Tell);
}
