using AiModels.Contracts.NodeCache;
using AiModels.NodeAgent.Authorization;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>Lets everybody have models of 100 bytes.</summary>
internal sealed class FakeAuthorizer : IMountAuthorizer
{
    public HashSet<string> GonePods { get; } = [];

    public NodeAgentException? Refusal { get; set; }

    public Task<AuthorizedModel> AuthorizeAsync(EnsureModelRequest request, CancellationToken cancellationToken) => Refusal is { } refusal
        ? Task.FromException<AuthorizedModel>(refusal)
        : Task.FromResult(new AuthorizedModel(request.ModelKind, request.PodNamespace, request.ModelName, request.Digest, 100));

    public Task<AuthorizedModel> ResolveAsync(string kind, string podNamespace, string name, string digest, CancellationToken cancellationToken) =>
        Task.FromResult(new AuthorizedModel(kind, podNamespace, name, digest, 100));

    public Task<bool> IsGoneAsync(string podNamespace, string podName, string podUid, CancellationToken cancellationToken) => Task.FromResult(GonePods.Contains(podUid));
}
