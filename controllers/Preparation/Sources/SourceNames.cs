using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Preparation.Sources;

/// <summary>How messages call a source.</summary>
internal static class SourceNames
{
    public static string Describe(ClusterModelSource source) => source switch
    {
        { Url: { } url } => $"url {url}",
        { Catalog: { } catalog } => $"catalog entry {catalog.Name}",
        _ => "upload",
    };
}
