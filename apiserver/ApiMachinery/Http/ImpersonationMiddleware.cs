using AiModels.ApiMachinery.Errors;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Acting as somebody else (kubectl --as): allowed to who may <c>impersonate</c> that user, those groups, that uid and those extras (contract A23).
/// Without the right headers are refused, never ignored. Behind this only the impersonated user is known.
/// </summary>
internal sealed class ImpersonationMiddleware(RequestDelegate next, RequestAuthorizer authorizer)
{
    private const string UserHeader = "Impersonate-User";
    private const string UidHeader = "Impersonate-Uid";
    private const string GroupHeader = "Impersonate-Group";
    private const string ExtraPrefix = "Impersonate-Extra-";
    private const string ServiceAccountPrefix = "system:serviceaccount:";

    public Task InvokeAsync(HttpContext context) =>
        context.Request.Headers.Keys.Any(name => name.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase))
            ? ImpersonateAsync(context)
            : next(context);

    private async Task ImpersonateAsync(HttpContext context)
    {
        IHeaderDictionary headers = context.Request.Headers;
        string user = headers[UserHeader].ToString(), uid = headers[UidHeader].ToString();
        string[] groups = [.. headers[GroupHeader].OfType<string>()];
        Dictionary<string, IReadOnlyList<string>> extra = [];
        foreach (string name in headers.Keys.Where(key => key.StartsWith(ExtraPrefix, StringComparison.OrdinalIgnoreCase)))
        {
            extra[Uri.UnescapeDataString(name[ExtraPrefix.Length..].ToLowerInvariant())] = [.. headers[name].OfType<string>()];
        }

        if (user.Length == 0)
        {
            throw ApiError.Internal($"requested {extra.Count + groups.Length} impersonations without impersonating a user");
        }

        await RequireUserAsync(context, user);
        foreach (string group in groups)
        {
            await authorizer.RequireAsync(context, About("", "groups", group));
        }

        if (uid.Length > 0)
        {
            await authorizer.RequireAsync(context, About("authentication.k8s.io", "uids", uid));
        }

        foreach ((string key, IReadOnlyList<string> values) in extra)
        {
            foreach (string value in values)
            {
                await authorizer.RequireAsync(context, About("authentication.k8s.io", "userextras", value) with { Subresource = key });
            }
        }

        if (groups.Length == 0 && user.StartsWith(ServiceAccountPrefix, StringComparison.Ordinal))
        {
            string @namespace = user[ServiceAccountPrefix.Length..].Split(':')[0];
            groups = ["system:serviceaccounts", "system:serviceaccounts:" + @namespace];
        }

        UserInfo impersonated = new() { Name = user, Uid = uid, Groups = groups, Extra = extra };
        context.Features.Set(new UserFeature(user == UserInfo.Anonymous.Name ? UserInfo.Anonymous : impersonated.Authenticated()));
        foreach (string name in headers.Keys.Where(key => key.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            headers.Remove(name);
        }

        await next(context);
    }

    private ValueTask RequireUserAsync(HttpContext context, string user)
    {
        string[] account = user.StartsWith(ServiceAccountPrefix, StringComparison.Ordinal) ? user[ServiceAccountPrefix.Length..].Split(':') : [];
        return authorizer.RequireAsync(context, account.Length == 2
            ? About("", "serviceaccounts", account[1]) with { Namespace = account[0] }
            : About("", "users", user));
    }

    private static RequestInfo About(string group, string resource, string name) =>
        new() { IsResource = true, Path = "", Verb = "impersonate", Group = group, Version = "v1", Resource = resource, Name = name };
}
