using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>
/// /openapi/v3: the index and one document a group version (contract O9-O18). On a wrong ?hash= answer 200 with the current document
/// and without immutable caching (O13); for a path that is not in <see cref="Documents"/> answer 404.
/// </summary>
public sealed class OpenApiV3Documents
{
    private OpenApiV3Documents(OpenApiDocument index, IReadOnlyDictionary<string, OpenApiDocument> documents)
    {
        Index = index;
        Documents = documents;
    }

    /// <summary>Body of /openapi/v3.</summary>
    public OpenApiDocument Index { get; }

    /// <summary>By path below /openapi/v3/: apis/ai.deckhouse.io/v1alpha1, api/v1.</summary>
    public IReadOnlyDictionary<string, OpenApiDocument> Documents { get; }

    /// <param name="title">info.title.</param>
    /// <param name="resources">Everything that is served.</param>
    public static OpenApiV3Documents Build(string title, IEnumerable<ResourceDefinition> resources)
    {
        var documents = new SortedDictionary<string, OpenApiDocument>(StringComparer.Ordinal);
        var paths = new JsonObject();
        foreach (var group in resources.GroupBy(OpenApiNames.RootPath).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            OpenApiDocument document = OpenApiDocument.Encode(BuildGroupVersion(title, group));
            string path = group.Key[1..];
            documents[path] = document;
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={document.Hash}" };
        }

        return new OpenApiV3Documents(OpenApiDocument.Encode(new JsonObject { ["paths"] = paths }), documents);
    }

    private static JsonObject BuildGroupVersion(string title, IEnumerable<ResourceDefinition> resources)
    {
        var builder = new OpenApiBuilder(OpenApiDialect.V3);
        foreach (ResourceDefinition resource in resources)
        {
            builder.Add(resource);
        }

        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = title, ["version"] = "unversioned" },
            ["paths"] = builder.Paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = builder.Definitions,
                ["securitySchemes"] = new JsonObject { ["BearerToken"] = OpenApiBuilder.BearerToken() },
            },
        };
    }
}
