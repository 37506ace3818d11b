using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Resources.NodeModelCaches;

/// <summary>
/// A node tells of itself alone. RBAC lets the agents' service account write every NodeModelCache, because it knows no "your own"; this guard does: who comes with a
/// token that is bound to a Pod on a node (Kubernetes 1.29 and later say so in the user's extra attributes), or as a node, may write the object of that node's name only.
/// Users without a node (people, controllers outside of Pods, Kubernetes before 1.29) are RBAC's business alone.
/// </summary>
internal sealed class OwnNodeOnly : IAdmission
{
    private const string NodeNameKey = "authentication.kubernetes.io/node-name";
    private const string NodePrefix = "system:node:";
    private const string NodesGroup = "system:nodes";

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        if (request.Resource.Kind == GroupVersion.NodeModelCacheKind && NodeOf(request.User) is { } node && node != request.Name)
        {
            throw ApiError.Forbidden(request.Resource, request.Name, $"{request.User.Name} on node {node} may write the cache of its own node only");
        }

        return ValueTask.CompletedTask;
    }

    private static string? NodeOf(UserInfo user) => user switch
    {
        _ when user.IsInGroup(NodesGroup) && user.Name.StartsWith(NodePrefix, StringComparison.Ordinal) => user.Name[NodePrefix.Length..],
        _ when user.Extra.TryGetValue(NodeNameKey, out IReadOnlyList<string>? names) && names.Count > 0 => names[0],
        _ => null,
    };
}
