using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Bench;

/// <summary>The cluster of a kubeconfig and what the benchmarks ask of it.</summary>
internal sealed class Cluster(string kubeconfig) : IDisposable
{
    public const string Namespace = "default";

    public static readonly ResourceType Models = new(GroupVersion.Group, GroupVersion.Version, "models", GroupVersion.ModelKind, Namespaced: true);

    public KubernetesConnection Connection { get; } = KubernetesConnection.Load(kubeconfig);

    public KubernetesClient Client { get; } = new(KubernetesConnection.Load(kubeconfig), TimeProvider.System);

    public static JsonObject UploadModel(string name) => new()
    {
        ["apiVersion"] = GroupVersion.ApiVersion,
        ["kind"] = GroupVersion.ModelKind,
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = Namespace },
        ["spec"] = new JsonObject { ["source"] = new JsonObject { ["upload"] = new JsonObject() } },
    };

    /// <summary>Opens an upload session or a grant: creates on a subresource and gives the answer's status.</summary>
    public async Task<JsonObject> CreateSubresourceAsync(string name, string subresource, JsonObject body, CancellationToken cancellationToken)
    {
        JsonObject answer = await Client.SubresourceAsync(HttpMethod.Post, Models, Namespace, name, subresource, body, cancellationToken);
        return answer["status"]?.AsObject() ?? throw new InvalidDataException($"The answer of {subresource} has no status: {answer}");
    }

    public void Dispose() => Client.Dispose();
}
