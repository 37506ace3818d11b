namespace AiModels.Registry.Api;

/// <summary>What a path below <c>/v2/</c> names. Repository names contain slashes, so a path is read from its end.</summary>
/// <param name="Kind">The noun.</param>
/// <param name="Repository">The repository's name, not checked yet.</param>
/// <param name="Target">Digest, tag or upload id, not checked yet.</param>
internal readonly record struct RegistryRoute(RouteKind Kind, string Repository, string Target)
{
    private static readonly RegistryRoute Nothing = new(RouteKind.Unknown, "", "");

    /// <summary>Reads a path such as <c>/v2/models/UID/blobs/sha256:…</c>.</summary>
    public static RegistryRoute Parse(string path)
    {
        const string Root = "/v2/";
        if (path is "/v2" or Root)
        {
            return new RegistryRoute(RouteKind.Base, "", "");
        }

        if (!path.StartsWith(Root, StringComparison.Ordinal))
        {
            return Nothing;
        }

        string[] segments = path[Root.Length..].Split('/');
        return segments switch
        {
            [.. var name, "blobs", "uploads"] => new RegistryRoute(RouteKind.Uploads, string.Join('/', name), ""),
            [.. var name, "blobs", "uploads", ""] => new RegistryRoute(RouteKind.Uploads, string.Join('/', name), ""),
            [.. var name, "blobs", "uploads", var id] => new RegistryRoute(RouteKind.Upload, string.Join('/', name), id),
            [.. var name, "blobs", var digest] => new RegistryRoute(RouteKind.Blob, string.Join('/', name), digest),
            [.. var name, "manifests", var reference] => new RegistryRoute(RouteKind.Manifest, string.Join('/', name), reference),
            [.. var name, "referrers", var digest] => new RegistryRoute(RouteKind.Referrers, string.Join('/', name), digest),
            [.. var name, "tags", "list"] => new RegistryRoute(RouteKind.Tags, string.Join('/', name), ""),
            _ => Nothing,
        };
    }
}

/// <summary>The nouns of the distribution API.</summary>
internal enum RouteKind
{
    Unknown,
    Base,
    Blob,
    Uploads,
    Upload,
    Manifest,
    Tags,
    Referrers,
}
