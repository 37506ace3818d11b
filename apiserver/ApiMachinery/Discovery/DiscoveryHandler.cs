using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.OpenApi;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Discovery;

/// <summary>Answers every path that is no resource: /, /api, /apis, /version, /openapi and health (contract 1.2, 1.3, 7.5).</summary>
internal sealed class DiscoveryHandler(
    DiscoveryDocuments documents, ResourceRegistry registry, IEnumerable<IAggregatedApis> aggregated, HealthHandler health, IOptions<ApiMachineryOptions> options,
    TimeProvider time)
{
    private readonly Lazy<OpenApiDocument> _openApiV2 = new(() => OpenApiV2Document.Build(options.Value.Title, registry.Definitions));
    private readonly Lazy<OpenApiV3Documents> _openApiV3 = new(() => OpenApiV3Documents.Build(options.Value.Title, registry.Definitions));
    private readonly IAggregatedApis[] _aggregated = [.. aggregated];

    public Task HandleAsync(HttpContext context, RequestInfo info)
    {
        string[] parts = info.Path.StartsWith("//", StringComparison.Ordinal) ? ["", ""] : info.Path.Trim('/').Split('/');
        if (parts[0] is "livez" or "readyz" or "healthz" && health.Covers(parts))
        {
            return health.HandleAsync(context, parts);
        }

        if (context.Request.Method != "GET")
        {
            throw ApiError.MethodNotAllowed();
        }

        return parts switch
        {
            ["" or "index.html"] => WritePathsAsync(context, 200),
            ["version"] => WriteAsync(context, VersionDocument()),
            ["openapi", "v2"] => WriteOpenApiAsync(context, _openApiV2.Value),
            ["openapi", "v3"] => WriteOpenApiIndexAsync(context),
            ["openapi", "v3", .. var rest] when _openApiV3.Value.Documents.TryGetValue(string.Join('/', rest), out OpenApiDocument? document) =>
                WriteOpenApiAsync(context, document),
            ["api"] when documents.CoreVersions.Count > 0 => WriteCoreAsync(context),
            ["api", { } version] when documents.Resources("", version) is { } resources => WriteAsync(context, resources),
            ["apis"] => WriteGroupsAsync(context),
            ["apis", { } group] when documents.Groups.Contains(group) => WriteAsync(context, documents.Group(group)),
            ["apis", { } group, { } version] when documents.Resources(group, version) is { } resources => WriteAsync(context, resources),
            _ => WritePathsAsync(context, 404),
        };
    }

    /// <summary>All paths: the answer to / and to paths nobody serves (contract D28).</summary>
    public Task WritePathsAsync(HttpContext context, int code)
    {
        SortedSet<string> paths = new(StringComparer.Ordinal) { "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version" };
        if (documents.CoreVersions.Count > 0)
        {
            paths.Add("/api");
            paths.UnionWith(documents.CoreVersions.Select(version => "/api/" + version));
        }

        foreach (string group in documents.Groups)
        {
            paths.Add("/apis/" + group);
            paths.UnionWith(documents.Versions(group).Select(version => $"/apis/{group}/{version}"));
        }

        var document = new JsonObject { ["paths"] = new JsonArray([.. paths.Select(path => JsonValue.Create(path))]) };
        return ObjectWriter.WriteAsync(context, new Negotiated(false, Transform.None, true), code, document);
    }

    private Task WriteCoreAsync(HttpContext context) => IsAggregated(context)
        ? WriteAggregatedAsync(context, [documents.GroupDiscovery("")])
        : WriteAsync(context, new JsonObject
        {
            ["kind"] = "APIVersions",
            ["versions"] = new JsonArray([.. documents.CoreVersions.Select(version => JsonValue.Create(version))]),
            ["serverAddressByClientCIDRs"] = Addresses(context),
        });

    private async Task WriteGroupsAsync(HttpContext context)
    {
        List<JsonObject> others = [];
        foreach (IAggregatedApis apis in _aggregated)
        {
            others.AddRange((await apis.GetGroupsAsync(context.RequestAborted)).Select(group => group.DeepClone().AsObject()));
        }

        if (IsAggregated(context))
        {
            await WriteAggregatedAsync(context, [.. documents.Groups.Select(documents.GroupDiscovery), .. others]);
            return;
        }

        JsonArray groups = [];
        foreach (JsonObject group in documents.Groups.Select(documents.Group).Concat(others.Select(LegacyOf)))
        {
            group.Remove("kind");
            group.Remove("apiVersion");
            group["serverAddressByClientCIDRs"] = Addresses(context);
            groups.Add((JsonNode)group);
        }

        await WriteAsync(context, new JsonObject { ["kind"] = "APIGroupList", ["apiVersion"] = "v1", ["groups"] = groups });
    }

    // The right ?hash= may be kept for a year; a wrong one gets the current document and no redirect, which the aggregator refuses (contract O13, O14).
    private Task WriteOpenApiAsync(HttpContext context, OpenApiDocument document)
    {
        RequireJson(context);
        bool isPinned = context.Request.Query["hash"].ToString() == document.Hash;
        if (isPinned)
        {
            context.Response.Headers.Expires = time.GetUtcNow().AddYears(1).ToString("r", CultureInfo.InvariantCulture);
        }

        return CachedBody.WriteAsync(context, MediaTypes.Json, document, isPinned ? "public, immutable" : null);
    }

    // In one form, whatever is asked for, as upstream (contract O16).
    private async Task WriteOpenApiIndexAsync(HttpContext context)
    {
        if (_aggregated.Length == 0)
        {
            await CachedBody.WriteAsync(context, MediaTypes.Json, _openApiV3.Value.Index, null);
            return;
        }

        JsonObject index = JsonNode.Parse(_openApiV3.Value.Index.Utf8.Span)!.AsObject();
        foreach (IAggregatedApis apis in _aggregated)
        {
            foreach ((string path, JsonNode? entry) in await apis.GetOpenApiPathsAsync(context.RequestAborted))
            {
                index["paths"]![path] = entry?.DeepClone();
            }
        }

        await CachedBody.WriteAsync(context, MediaTypes.Json, ObjectBytes.ToBody(index, isPretty: false), null);
    }

    // JSON alone is enough for every client; those that ask for protobuf only fall back on a 406 (contract O15).
    private static void RequireJson(HttpContext context)
    {
        string accept = context.Request.Headers.Accept.ToString();
        if (accept.Length > 0 && !AcceptClause.Parse(accept).Any(clause => clause.Takes(MediaTypes.Json)))
        {
            throw ApiError.NotAcceptable([MediaTypes.Json]);
        }
    }

    private static async Task WriteAggregatedAsync(HttpContext context, IEnumerable<JsonObject> items)
    {
        var document = new JsonObject
        {
            ["kind"] = "APIGroupDiscoveryList",
            ["apiVersion"] = DiscoveryDocuments.DiscoveryVersion,
            ["metadata"] = new JsonObject(),
            ["items"] = new JsonArray([.. items]),
        };
        await CachedBody.WriteAsync(context, MediaTypes.AggregatedDiscovery, ObjectBytes.ToBody(document, isPretty: false), "public");
    }

    // An APIGroup of a group that is known by its aggregated discovery.
    private static JsonObject LegacyOf(JsonObject discovery) => DiscoveryDocuments.Group(
        (string)discovery["metadata"]!["name"]!,
        [.. discovery["versions"]!.AsArray().Select(version => (string)version!["version"]!)]);

    // Only v2 is served; who asks for v2beta1 alone can take nothing (contract D16).
    private static bool IsAggregated(HttpContext context)
    {
        string accept = context.Request.Headers.Accept.ToString();
        if (accept.Length == 0)
        {
            return false;
        }

        foreach (AcceptClause clause in AcceptClause.Parse(accept))
        {
            if (!clause.Takes(MediaTypes.Json) || clause.Parameter("as").Length == 0)
            {
                if (clause.Takes(MediaTypes.Json) || clause.Takes(MediaTypes.Yaml))
                {
                    return false;
                }

                continue;
            }

            if (clause.Parameter("g") == "apidiscovery.k8s.io" && clause.Parameter("v") == "v2" && clause.Parameter("as") == "APIGroupDiscoveryList")
            {
                return true;
            }
        }

        throw ApiError.NotAcceptable(MediaTypes.Objects);
    }

    private JsonObject VersionDocument()
    {
        string[] parts = options.Value.Version.TrimStart('v').Split('.');
        return new JsonObject
        {
            ["major"] = parts[0],
            ["minor"] = parts.Length > 1 ? parts[1] : "0",
            ["gitVersion"] = options.Value.Version,
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "1970-01-01T00:00:00Z",
            ["goVersion"] = "",
            ["compiler"] = "",
            ["platform"] = OperatingSystem.IsLinux() ? "linux/" + System.Runtime.InteropServices.RuntimeInformation.OSArchitecture switch
            {
                System.Runtime.InteropServices.Architecture.X64 => "amd64",
                System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
                var other => other.ToString().ToLowerInvariant(),
            } : "",
        };
    }

    private static JsonArray Addresses(HttpContext context) =>
        new(new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = context.Request.Host.Value });

    private static Task WriteAsync(HttpContext context, JsonObject document) =>
        ObjectWriter.WriteAsync(context, Negotiated.For(context, transforms: false), 200, document);
}
