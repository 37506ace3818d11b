using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// What tus asks of every request to /upload before anybody knows who makes it: OPTIONS tells the abilities without a credential, every answer names
/// the version, another version is 412, X-HTTP-Method-Override counts. And a token of ours that is over is told so (410), where the ordinary way ends in 401.
/// </summary>
internal sealed class UploadGate(RequestDelegate next, UploadSessions sessions, UploadOptions options, IServiceProvider services)
{
    public Task InvokeAsync(HttpContext context) =>
        context.Request.Path.Value?.EndsWith("/upload", StringComparison.Ordinal) == true ? GuardAsync(context) : next(context);

    private async Task GuardAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if ((string?)request.Headers["X-HTTP-Method-Override"] is { Length: > 0 } method && TusProtocol.IsSpokenBy(request))
        {
            // For clients behind proxies that know no PATCH. Everything that follows, authorization too, sees the method that counts.
            request.Method = method.ToUpperInvariant();
        }

        RequestInfo info = RequestInfo.Parse(request);
        if (info.Group != GroupVersion.Group || info.Subresource != "upload")
        {
            await next(context);
            return;
        }

        TusProtocol.Mark(context.Response);
        if (HttpMethods.IsOptions(request.Method))
        {
            TusProtocol.TellAbilities(context.Response, options.MaximumLength);
            context.Response.StatusCode = 204;
        }
        else if (TusProtocol.RefusalOf(request) is { } refusal)
        {
            TusProtocol.TellVersion(context.Response);
            await StatusResponse.WriteAsync(context, refusal);
        }
        else if (await WhyOverAsync(context, info) is { } over)
        {
            await StatusResponse.WriteAsync(context, over);
        }
        else
        {
            await next(context);
        }
    }

    // Null unless the request holds a token that was good for this path once, and is not any more.
    private async ValueTask<ApiException?> WhyOverAsync(HttpContext context, RequestInfo info)
    {
        if (BearerToken.Of(context) is not { } token || await sessions.FindSessionOfAsync(token, info, context.RequestAborted) is not { } session)
        {
            return null;
        }

        ResourceStore models = services.GetRequiredService<ResourceRegistry>().StoreOf(GroupVersion.Group, info.Resource);
        return await models.FindAsync(info.Namespace, info.Name, context.RequestAborted) is { } model
            ? await sessions.IsCurrentAsync(UploadSessions.UidOf(model.ToJson()), session, context.RequestAborted) ? null : UploadErrors.Gone("is over: a later one took its place")
            : UploadErrors.ModelGone(info.Name);
    }
}
