using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// A request's path and method in the words of the API (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go; contract A20).
/// Parsed once, by RequestInfoMiddleware; authorization, limits, metrics and handlers read it.
/// </summary>
public sealed record RequestInfo
{
    /// <summary>Whether the path names a resource: /api/v1/… or /apis/group/version/….</summary>
    public required bool IsResource { get; init; }
    public required string Path { get; init; }

    /// <summary>RBAC verb of a resource request (get, list, watch, create, update, patch, delete, deletecollection); the lower-case method otherwise.</summary>
    public required string Verb { get; init; }
    public string Group { get; init; } = "";
    public string Version { get; init; } = "";

    /// <summary>Empty for cluster scope and for requests across namespaces.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>Plural of the resource.</summary>
    public string Resource { get; init; } = "";
    public string Subresource { get; init; } = "";
    public string Name { get; init; } = "";

    /// <summary>What follows the subresource in the path, without a leading slash.</summary>
    public string Rest { get; init; } = "";

    /// <summary>Whether the path used the deprecated /watch/ prefix.</summary>
    public bool IsWatchPath { get; init; }

    /// <summary>Whether a patch is server-side apply, which is a verb of its own to metrics.</summary>
    public bool IsApply { get; init; }

    /// <summary>Reads, for the in-flight limits.</summary>
    public bool IsReadOnly => Verb is "get" or "list" or "watch" or "head" or "options";

    /// <summary>The RequestInfo of a request that passed RequestInfoMiddleware.</summary>
    public static RequestInfo Of(HttpContext context) =>
        context.Features.Get<RequestInfo>() ?? throw new InvalidOperationException("RequestInfoMiddleware has not run");

    /// <summary>Parses method, path and query.</summary>
    public static RequestInfo Parse(HttpRequest request)
    {
        string path = request.Path.Value ?? "/";
        string[] parts = path.Trim('/').Split('/', StringSplitOptions.None);
        string group = "", version;
        int at;
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            // No path of ours: a proxy in front may have judged another one.
            return new RequestInfo { IsResource = false, Path = path, Verb = request.Method.ToLowerInvariant() };
        }

        if (parts is ["api", _, _, ..])
        {
            (version, at) = (parts[1], 2);
        }
        else if (parts is ["apis", _, _, _, ..])
        {
            (group, version, at) = (parts[1], parts[2], 3);
        }
        else
        {
            return new RequestInfo { IsResource = false, Path = path, Verb = request.Method.ToLowerInvariant() };
        }

        bool isWatchPath = parts[at] == "watch" && parts.Length > at + 1;
        at += isWatchPath ? 1 : 0;
        string @namespace = "";

        // /namespaces/NS/resource… is a request in a namespace; /namespaces/NS and /namespaces/NS/status are about the namespace itself.
        if (parts[at] == "namespaces" && parts.Length > at + 1)
        {
            @namespace = parts[at + 1];
            if (parts.Length > at + 2 && parts[at + 2] is not ("status" or "finalize"))
            {
                at += 2;
            }
        }

        string name = parts.Length > at + 1 ? parts[at + 1] : "";
        string verb = isWatchPath ? "watch" : VerbOf(request, name);
        if (name.Length == 0 && verb is "list" or "watch" or "deletecollection" && request.Query.First("fieldSelector") is { Length: > 0 } selector)
        {
            name = NameIn(selector);
        }

        return new RequestInfo
        {
            IsResource = true,
            Path = path,
            Verb = verb,
            Group = group,
            Version = version,
            Namespace = @namespace,
            Resource = parts[at],
            Name = name,
            Subresource = parts.Length > at + 2 ? parts[at + 2] : "",
            Rest = parts.Length > at + 3 ? string.Join('/', parts[(at + 3)..]) : "",
            IsWatchPath = isWatchPath,
            IsApply = verb == "patch" && request.ContentType?.StartsWith("application/apply-patch", StringComparison.Ordinal) == true,
        };
    }

    /// <summary>?watch is true unless it is absent, false (in any case of letters) or 0 (contract W1).</summary>
    public static bool IsTrue(IQueryCollection query, string key) =>
        query.ContainsKey(key) && query.First(key) is var text && text != "0" && !text.Equals("false", StringComparison.OrdinalIgnoreCase);

    private static string VerbOf(HttpRequest request, string name) => request.Method switch
    {
        "POST" => "create",
        "GET" or "HEAD" or "CONNECT" => name.Length > 0 ? "get" : IsTrue(request.Query, "watch") ? "watch" : "list",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => name.Length > 0 ? "delete" : "deletecollection",
        _ => request.Method.ToLowerInvariant(),
    };

    // A list of exactly one name is authorized with that name.
    private static string NameIn(string fieldSelector)
    {
        foreach (string part in fieldSelector.Split(','))
        {
            if (part.StartsWith("metadata.name=", StringComparison.Ordinal) && !part.Contains('\\', StringComparison.Ordinal))
            {
                return part["metadata.name=".Length..].TrimStart('=');
            }
        }

        return "";
    }
}
