using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;
using AiModels.Hosting.Kubernetes;

namespace AiModels.LocalCluster;

/// <summary>
/// Who may do what in a new cluster: the roles that every Kubernetes has, and exactly those of manifests/ for our components, which run under their service
/// accounts here as well. A right that is missing in the manifests fails here, not first in somebody's cluster.
/// </summary>
internal sealed class ClusterRights(IKubernetesClient client)
{
    private static readonly ResourceType[] Types =
    [
        ResourceTypes.ServiceAccounts,
        ResourceTypes.Roles,
        ResourceTypes.RoleBindings,
        new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
        new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false),
    ];

    /// <summary>Makes the cluster's say what the files say.</summary>
    public Task GrantAsync(CancellationToken cancellationToken) => Task.WhenAll(Documents().Select(document =>
    {
        ResourceType type = Types.Single(type => type.Kind == (string?)document["kind"]);
        string? ns = type.Namespaced ? document.Namespace() : null;
        return client.PatchAsync(type, ns, document.Name(), KubernetesPatch.Apply, document, null, "local-cluster", cancellationToken);
    }));

    /// <summary>The documents of every rbac.yaml that was built in.</summary>
    internal static IEnumerable<JsonObject> Documents()
    {
        Assembly program = typeof(ClusterRights).Assembly;
        foreach (string file in program.GetManifestResourceNames().Where(name => name.EndsWith("rbac.yaml", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(program.GetManifestResourceStream(file)!);
            foreach (string document in reader.ReadToEnd().Split("\n---\n"))
                yield return DocumentDecoder.DecodeYaml(Encoding.UTF8.GetBytes(document)).Object ?? throw new InvalidDataException($"{file} has a document that is no object");
        }
    }
}
