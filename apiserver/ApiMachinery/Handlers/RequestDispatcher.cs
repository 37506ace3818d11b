using AiModels.ApiMachinery.Discovery;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Last in line: one handler for each verb (contract E3, D28).</summary>
internal sealed class RequestDispatcher(
    RequestDelegate next, ResourceRegistry registry, DiscoveryHandler discovery, GetHandler get, ListHandler list, WatchHandler watch, CreateHandler create,
    UpdateHandler update, PatchHandler patch, DeleteHandler delete, DeleteCollectionHandler deleteCollection, SubresourceHandler subresources)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not null)
        {
            return next(context);
        }

        RequestInfo info = RequestInfo.Of(context);
        if (!info.IsResource)
        {
            return discovery.HandleAsync(context, info);
        }

        if (registry.Find(info) is { } resource)
        {
            return DispatchAsync(context, info, resource);
        }

        return registry.Serves(info.Group, info.Version) ? throw ApiError.PathNotFound() : discovery.WritePathsAsync(context, 404);
    }

    private Task DispatchAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        // A cluster-scoped kind has no path in a namespace; a namespaced object has no path without one.
        bool isAcross = resource.IsNamespaced && info.Namespace.Length == 0;
        if ((!resource.IsNamespaced && info.Namespace.Length > 0 && resource.Definition.Plural != "namespaces") || (isAcross && info.Name.Length > 0 && IsNamed(context)))
        {
            throw ApiError.PathNotFound();
        }

        if (info.Subresource.Length > 0 && !(info.Subresource == "status" && resource.Definition.HasStatus && info.Rest.Length == 0))
        {
            return resource.Subresources.TryGetValue(info.Subresource, out ISubresource? subresource)
                ? subresources.HandleAsync(context, info, resource, subresource)
                : throw ApiError.PathNotFound();
        }

        bool isStatus = info.Subresource.Length > 0;
        return (info.Verb, context.Request.Method) switch
        {
            (_, "HEAD") => throw ApiError.MethodNotAllowed(),
            ("get", "GET") => get.HandleAsync(context, info, resource),
            ("list", "GET") => list.HandleAsync(context, info, resource),
            ("watch", "GET" or "CONNECT") => watch.HandleAsync(context, info, resource),
            ("create", _) when !isStatus && !isAcross && info.Name.Length == 0 => create.HandleAsync(context, info, resource),
            ("update", _) when info.Name.Length > 0 => update.HandleAsync(context, info, resource),
            ("patch", _) when info.Name.Length > 0 => patch.HandleAsync(context, info, resource),
            ("delete", _) when !isStatus => delete.HandleAsync(context, info, resource),
            ("deletecollection", _) when !isAcross => deleteCollection.HandleAsync(context, info, resource),
            _ => throw ApiError.MethodNotAllowed(),
        };
    }

    // A list across namespaces may carry a name from its field selector.
    private static bool IsNamed(HttpContext context) =>
        RequestInfo.Of(context).Verb is not ("list" or "watch" or "deletecollection");
}
