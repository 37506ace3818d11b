using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>
/// /openapi/v2 (contract O1-O8). kube-aggregator merges it into its own: shared definitions have names of ours and carry no x-kubernetes-group-version-kind,
/// because a second one under a changed name would break every client that looks kinds up by it (O5).
/// </summary>
public static class OpenApiV2Document
{
    /// <param name="title">info.title.</param>
    /// <param name="resources">Everything that is served.</param>
    public static OpenApiDocument Build(string title, IReadOnlyList<ResourceDefinition> resources)
    {
        var builder = new OpenApiBuilder(OpenApiDialect.V2(OpenApiNames.MergedMeta(resources)));
        foreach (ResourceDefinition resource in resources)
        {
            builder.Add(resource);
        }

        return OpenApiDocument.Encode(new JsonObject
        {
            ["swagger"] = "2.0",
            ["info"] = new JsonObject { ["title"] = title, ["version"] = "unversioned" },
            ["paths"] = builder.Paths,
            ["definitions"] = builder.Definitions,
            ["securityDefinitions"] = new JsonObject { ["BearerToken"] = OpenApiBuilder.BearerToken() },
            ["security"] = new JsonArray(new JsonObject { ["BearerToken"] = new JsonArray() }),
        });
    }
}
