using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Discovery;

/// <summary>Groups that another server behind this one serves: the stand-in cluster's aggregation.</summary>
public interface IAggregatedApis
{
    /// <summary>Items of an APIGroupDiscoveryList (v2); empty while that server cannot be reached.</summary>
    ValueTask<IReadOnlyList<JsonObject>> GetGroupsAsync(CancellationToken cancellationToken);

    /// <summary>Entries of /openapi/v3's <c>paths</c>: <c>apis/group/version</c> to <c>{"serverRelativeURL":…}</c>.</summary>
    ValueTask<JsonObject> GetOpenApiPathsAsync(CancellationToken cancellationToken);
}

/// <summary>Discovery documents of the registered resources, aggregated (v2) and legacy (contract 1.2, 1.3). Needs no storage.</summary>
public sealed class DiscoveryDocuments(ResourceRegistry registry)
{
    internal const string DiscoveryVersion = "apidiscovery.k8s.io/v2";
    private static readonly string[] AllVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    private static readonly string[] StatusVerbs = ["get", "patch", "update"];

    /// <summary>The named groups, in order of registration.</summary>
    public IReadOnlyList<string> Groups { get; } = [.. registry.Definitions.Select(definition => definition.Group).Where(group => group.Length > 0).Distinct()];

    /// <summary>Versions of the core group; empty when it is not served.</summary>
    public IReadOnlyList<string> CoreVersions { get; } = VersionsOf(registry, "");

    public IReadOnlyList<string> Versions(string group) => VersionsOf(registry, group);

    /// <summary>An APIGroupDiscovery of a group; the core group has an empty name.</summary>
    public JsonObject GroupDiscovery(string group) => new()
    {
        ["metadata"] = group.Length == 0
            ? new JsonObject { ["creationTimestamp"] = null }
            : new JsonObject { ["name"] = group, ["creationTimestamp"] = null },
        ["versions"] = List(Versions(group).Select(version => new JsonObject
        {
            ["version"] = version,
            ["resources"] = List(Of(group, version).Select(ResourceDiscovery)),
            ["freshness"] = "Current",
        })),
    };

    /// <summary>APIGroup.</summary>
    public JsonObject Group(string group) => Group(group, Versions(group));

    internal static JsonObject Group(string group, IReadOnlyList<string> versions) => new()
    {
        ["kind"] = "APIGroup",
        ["apiVersion"] = "v1",
        ["name"] = group,
        ["versions"] = List(versions.Select(version => GroupVersion(group, version))),
        ["preferredVersion"] = GroupVersion(group, versions[0]),
    };

    /// <summary>APIResourceList of a group version; null when it is not served.</summary>
    public JsonObject? Resources(string group, string version)
    {
        ResourceDefinition[] definitions = [.. Of(group, version)];
        return definitions.Length == 0 ? null : new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = definitions[0].ApiVersion,
            ["resources"] = List(definitions.SelectMany(Entries)),
        };
    }

    private IEnumerable<ResourceDefinition> Of(string group, string version) =>
        registry.Definitions.Where(definition => definition.Group == group && definition.Version == version)
            .OrderBy(definition => definition.Plural, StringComparer.Ordinal);

    private static JsonObject ResourceDiscovery(ResourceDefinition definition)
    {
        var entry = new JsonObject
        {
            ["resource"] = definition.Plural,
            ["responseKind"] = Kind(definition.ApiVersion, definition.Kind),
            ["scope"] = definition.Scope == ResourceScope.Namespaced ? "Namespaced" : "Cluster",
            ["singularResource"] = definition.Singular,
            ["verbs"] = Texts(AllVerbs),
        };
        AddNames(entry, definition);
        JsonArray subresources = [];
        foreach ((string name, string kind, string apiVersion, IEnumerable<string> verbs) in Subresources(definition))
        {
            subresources.Add((JsonNode)new JsonObject
            {
                ["subresource"] = name,
                ["responseKind"] = Kind(apiVersion, kind),
                ["verbs"] = Texts(verbs),
            });
        }

        if (subresources.Count > 0)
        {
            entry["subresources"] = subresources;
        }

        return entry;
    }

    private static IEnumerable<JsonObject> Entries(ResourceDefinition definition)
    {
        bool isNamespaced = definition.Scope == ResourceScope.Namespaced;
        var entry = new JsonObject
        {
            ["name"] = definition.Plural,
            ["singularName"] = definition.Singular,
            ["namespaced"] = isNamespaced,
            ["kind"] = definition.Kind,
            ["verbs"] = Texts(AllVerbs),
        };
        AddNames(entry, definition);
        entry["storageVersionHash"] = StorageVersionHash(definition);
        yield return entry;
        foreach ((string name, string kind, string apiVersion, IEnumerable<string> verbs) in Subresources(definition))
        {
            var subresource = new JsonObject { ["name"] = $"{definition.Plural}/{name}", ["singularName"] = "", ["namespaced"] = isNamespaced };
            if (apiVersion != definition.ApiVersion)
            {
                (subresource["group"], subresource["version"]) = Split(apiVersion);
            }

            subresource["kind"] = kind;
            subresource["verbs"] = Texts(verbs);
            yield return subresource;
        }
    }

    private static IEnumerable<(string Name, string Kind, string ApiVersion, IEnumerable<string> Verbs)> Subresources(ResourceDefinition definition) =>
        definition.Subresources
            .Select(subresource => (subresource.Name, subresource.Kind, subresource.KindApiVersion ?? definition.ApiVersion,
                (IEnumerable<string>)subresource.Verbs.Order(StringComparer.Ordinal)))
            .Concat(definition.HasStatus ? [("status", definition.Kind, definition.ApiVersion, StatusVerbs)] : [])
            .OrderBy(subresource => subresource.Name, StringComparer.Ordinal);

    private static void AddNames(JsonObject entry, ResourceDefinition definition)
    {
        if (definition.ShortNames.Count > 0)
        {
            entry["shortNames"] = Texts(definition.ShortNames);
        }

        if (definition.Categories.Count > 0)
        {
            entry["categories"] = Texts(definition.Categories);
        }
    }

    private static string StorageVersionHash(ResourceDefinition definition) => Convert.ToBase64String(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{definition.Group}/{definition.Version}/{definition.Kind}")).AsSpan(0, 8));

    private static JsonObject Kind(string apiVersion, string kind)
    {
        (string group, string version) = Split(apiVersion);
        return new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = kind };
    }

    private static (string Group, string Version) Split(string apiVersion) =>
        apiVersion.Split('/') is [var group, var version] ? (group, version) : ("", apiVersion);

    private static JsonObject GroupVersion(string group, string version) =>
        new() { ["groupVersion"] = $"{group}/{version}", ["version"] = version };

    private static IReadOnlyList<string> VersionsOf(ResourceRegistry registry, string group) =>
        [.. registry.Definitions.Where(definition => definition.Group == group).Select(definition => definition.Version).Distinct()];

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);

    private static JsonArray List(IEnumerable<JsonObject> items) => new([.. items]);
}
