using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Lets through what the user may do.</summary>
internal sealed class AuthorizationMiddleware(RequestDelegate next, RequestAuthorizer authorizer)
{
    public async Task InvokeAsync(HttpContext context)
    {
        await authorizer.RequireAsync(context, RequestInfo.Of(context));
        await next(context);
    }
}
