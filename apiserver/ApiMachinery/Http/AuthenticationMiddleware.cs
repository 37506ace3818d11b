using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Http;

/// <summary>Finds out who makes the request (contract A6, A14, A15). A subresource may know credentials of its own: it is asked last.</summary>
internal sealed partial class AuthenticationMiddleware(
    RequestDelegate next, IEnumerable<IRequestAuthenticator> authenticators, ResourceRegistry registry, IOptions<ApiMachineryOptions> options,
    ILogger<AuthenticationMiddleware> log)
{
    private readonly IRequestAuthenticator[] _authenticators = [.. authenticators];

    public async Task InvokeAsync(HttpContext context)
    {
        UserFeature user = await AuthenticateAsync(context);
        context.Features.Set(user);
        context.Features.Get<AuditMiddleware.Authenticated>()?.Tell(user.User);
        await next(context);
    }

    private async ValueTask<UserFeature> AuthenticateAsync(HttpContext context)
    {
        string? failure = null;
        foreach (IRequestAuthenticator authenticator in _authenticators)
        {
            AuthenticationResult result = await authenticator.AuthenticateAsync(context, context.RequestAborted);
            if (result.User is { } user)
            {
                return new UserFeature(user.Authenticated());
            }

            failure ??= result.Failure;
        }

        if (BearerToken.Of(context) is { } token)
        {
            if (await AskSubresourceAsync(context, token) is { } identity)
            {
                return new UserFeature(new UserInfo { Name = identity }.Authenticated(), IsAuthorized: true);
            }

            failure ??= "nobody knows the bearer token";
        }

        LimitConnection(context);
        if (failure is null && options.Value.AllowAnonymous)
        {
            return new UserFeature(UserInfo.Anonymous);
        }

        Log.Refused(log, context.Request.Path, failure ?? "no credential");
        throw ApiError.Unauthorized();
    }

    // Whoever shows no credential may not keep an HTTP/2 connection: opening many streams on one is the cheapest of attacks (contract A15,
    // CVE-2023-44487). GOAWAY; what is under way on the connection is answered. The front proxy's anonymous users are not meant.
    private static void LimitConnection(HttpContext context)
    {
        if (HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }
    }

    private async ValueTask<string?> AskSubresourceAsync(HttpContext context, string token)
    {
        RequestInfo info = RequestInfo.Of(context);
        if (info.Subresource.Length == 0
            || registry.Find(info) is not { } resource
            || !resource.Subresources.TryGetValue(info.Subresource, out ISubresource? subresource)
            || Handlers.SubresourceHandler.VerbOf(context.Request, subresource) is not { } verb
            || await resource.Store.FindAsync(info.Namespace, info.Name, context.RequestAborted) is not { } parent)
        {
            return null;
        }

        var request = new SubresourceRequest(
            context, resource.Definition, verb, resource.IsNamespaced ? info.Namespace : "", info.Name, parent.ToJson());
        return await subresource.AuthenticateAsync(request, token, context.RequestAborted);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "A request to {Path} was not authenticated: {Reason}")]
        public static partial void Refused(ILogger log, string path, string reason);
    }
}
