using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Errors;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Asks the authorizer about a request and words its refusal (contract A16, A18, A19).</summary>
internal sealed class RequestAuthorizer(IAuthorizer authorizer)
{
    private static readonly string[] AlwaysAllowed = ["/healthz", "/readyz", "/livez"];

    /// <summary>Returns when the request is allowed; throws the 403 otherwise.</summary>
    public async ValueTask RequireAsync(HttpContext context, RequestInfo info)
    {
        UserFeature? feature = context.Features.Get<UserFeature>();
        UserInfo user = feature?.User ?? UserInfo.Anonymous;
        if (feature?.IsAuthorized == true || user.IsInGroup(UserInfo.MastersGroup) || (!info.IsResource && AlwaysAllowed.Contains(info.Path)))
        {
            return;
        }

        AuthorizationAttributes attributes = AttributesOf(context, info, user);
        AuthorizationDecision decision;
        try
        {
            decision = await authorizer.AuthorizeAsync(attributes, context.RequestAborted);
        }
        catch (Exception error) when (error is not (ApiException or OperationCanceledException))
        {
            throw new AuthorizerFailedException($"Internal Server Error: \"{context.Request.Path}{context.Request.QueryString}\": {error.Message}", error);
        }

        IDictionary<string, string> annotations = AuditAnnotations.Of(context);
        annotations["authorization.k8s.io/decision"] = decision.IsAllowed ? "allow" : "forbid";
        annotations["authorization.k8s.io/reason"] = decision.Reason;
        if (!decision.IsAllowed)
        {
            throw Refusal(attributes, decision.Reason);
        }
    }

    private static AuthorizationAttributes AttributesOf(HttpContext context, RequestInfo info, UserInfo user) => new()
    {
        User = user,
        Verb = info.Verb,
        IsResource = info.IsResource,
        Path = info.Path,
        Group = info.Group,
        Version = info.Version,
        Resource = info.Resource,
        Subresource = info.Subresource,
        Namespace = info.Namespace,
        Name = info.Name,
        FieldSelector = info.Name.Length == 0 ? context.Request.Query.First("fieldSelector") : "",
        LabelSelector = info.Name.Length == 0 ? context.Request.Query.First("labelSelector") : "",
    };

    private static ApiException Refusal(AuthorizationAttributes attributes, string reason)
    {
        string user = Escape(attributes.User.Name), suffix = reason.Length > 0 ? ": " + reason : "";
        if (!attributes.IsResource)
        {
            return ApiError.ForbiddenPath($"User \"{user}\" cannot {attributes.Verb} path \"{Escape(attributes.Path)}\"{suffix}");
        }

        string resource = attributes.Subresource.Length == 0 ? attributes.Resource : $"{attributes.Resource}/{attributes.Subresource}";
        string scope = attributes.Namespace.Length > 0 ? $"in the namespace \"{Escape(attributes.Namespace)}\"" : "at the cluster scope";
        return ApiError.Forbidden(attributes.Group, attributes.Resource, attributes.Name,
            $"User \"{user}\" cannot {attributes.Verb} resource \"{Escape(resource)}\" in API group \"{Escape(attributes.Group)}\" {scope}{suffix}");
    }

    private static string Escape(string text) => text.AsSpan().IndexOfAny('&', '<', '>') < 0 ? text
        : text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
}
