namespace AiModels.ApiMachinery.Negotiation;

/// <summary>Media types the API speaks.</summary>
internal static class MediaTypes
{
    public const string Json = "application/json";
    public const string Yaml = "application/yaml";
    public const string JsonPatch = "application/json-patch+json";
    public const string MergePatch = "application/merge-patch+json";
    public const string StrategicMergePatch = "application/strategic-merge-patch+json";
    public const string ApplyPatch = "application/apply-patch+yaml";
    public const string AggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

    /// <summary>What objects can be asked for and sent as.</summary>
    public static IReadOnlyList<string> Objects { get; } = [Json, Yaml];

    /// <summary>What a watch can be asked for as (contract W19).</summary>
    public static IReadOnlyList<string> Streams { get; } = [Json + ";stream=watch"];

    /// <summary>The bare type of a Content-Type header; empty means JSON (contract N5).</summary>
    public static string Bare(string? contentType)
    {
        string bare = (contentType ?? "").Split(';', 2)[0].Trim().ToLowerInvariant();
        return bare.Length == 0 ? Json : bare;
    }
}
