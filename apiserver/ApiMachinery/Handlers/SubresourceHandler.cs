using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Hands a request to an ISubresource with its parent, which must exist.</summary>
internal sealed class SubresourceHandler
{
    /// <summary>RBAC verb of a request to a subresource, or null when the method has none.</summary>
    public static string? VerbOf(HttpRequest request, ISubresource subresource) => request.Method switch
    {
        "GET" or "HEAD" => subresource.Verbs.Contains("watch") && RequestInfo.IsTrue(request.Query, "watch") ? "watch" : "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => null,
    };

    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource, ISubresource subresource)
    {
        if (VerbOf(context.Request, subresource) is not { } verb || !subresource.Verbs.Contains(verb))
        {
            throw ApiError.MethodNotAllowed();
        }

        ResourceObject parent = await resource.Store.GetAsync(info.Namespace, info.Name, context.RequestAborted);
        UserInfo user = UserFeature.Of(context);
        if (verb is not ("get" or "watch") && !subresource.LongRunningVerbs.Contains(verb))
        {
            // The pieces of a long transfer were allowed with what opened it.
            List<string> warnings = [];
            await resource.Store.ConnectAsync(info.Namespace, info.Name, info.Subresource, user, AuditAnnotations.Of(context), warnings, context.RequestAborted);
            WarningHeaders.Add(context, warnings);
        }

        await subresource.HandleAsync(
            new SubresourceRequest(context, resource.Definition, verb, resource.IsNamespaced ? info.Namespace : "", info.Name, parent.ToJson())
            {
                User = user.Name,
            },
            context.RequestAborted);
    }
}
