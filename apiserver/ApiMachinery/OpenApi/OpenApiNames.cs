using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Names inside the documents (contract O6, O24).</summary>
internal static class OpenApiNames
{
    /// <summary>What Kubernetes' own names of the meta types begin with.</summary>
    public const string KubernetesMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.";

    /// <summary>
    /// The beginning of our names of the meta types, where documents are merged: kube-aggregator renames a definition whose text is not that of the running
    /// release (ObjectMeta_v2 …), which no fixed text can be for all of them. io.deckhouse.ai.meta.v1.ObjectMeta is nobody else's (contract O5, O6).
    /// Only who serves the core group is Kubernetes itself.
    /// </summary>
    public static string MergedMeta(IReadOnlyList<ResourceDefinition> resources) =>
        resources.Count == 0 || resources.Any(resource => resource.Group.Length == 0) ? KubernetesMeta : Reversed(resources[0].Group) + ".meta.v1.";

    /// <summary>io.deckhouse.ai.v1alpha1.Model; io.k8s.api.apps.v1.Deployment for groups without a domain.</summary>
    public static string Definition(ResourceDefinition resource, string kind)
    {
        string prefix = resource.Group.Contains('.')
            ? Reversed(resource.Group)
            : "io.k8s.api." + (resource.Group.Length == 0 ? "core" : resource.Group);
        return $"{prefix}.{resource.Version}.{kind}";
    }

    /// <summary>/apis/GROUP/VERSION, /api/v1.</summary>
    public static string RootPath(ResourceDefinition resource) =>
        resource.Group.Length == 0 ? "/api/" + resource.Version : $"/apis/{resource.Group}/{resource.Version}";

    /// <summary>AiDeckhouseIoV1alpha1: the middle of an operation id.</summary>
    public static string Operation(ResourceDefinition resource)
    {
        string group = resource.Group.Length == 0 ? "core" : resource.Group.Replace(".k8s.io", "", StringComparison.Ordinal);
        return string.Concat(group.Split('.', '-').Select(Title)) + Title(resource.Version);
    }

    /// <summary>aiDeckhouseIo_v1alpha1: the tag of an operation.</summary>
    public static string Tag(ResourceDefinition resource)
    {
        string operation = Operation(resource)[..^resource.Version.Length];
        return $"{char.ToLowerInvariant(operation[0])}{operation[1..]}_{resource.Version}";
    }

    private static string Reversed(string group) => string.Join('.', group.Split('.').Reverse());

    public static string Title(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];
}
