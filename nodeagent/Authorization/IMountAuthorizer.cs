using AiModels.Contracts.NodeCache;

namespace AiModels.NodeAgent.Authorization;

/// <summary>Decides whether a Pod may have a model.</summary>
internal interface IMountAuthorizer
{
    /// <summary>
    /// The model, when the Pod may have it now. Throws <see cref="NodeAgentException"/> otherwise: NotFound, PermissionDenied, or Unavailable when it may
    /// become possible or cannot be told.
    /// </summary>
    Task<AuthorizedModel> AuthorizeAsync(EnsureModelRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// The model alone: that it is there (a Model in the Pod's namespace), Ready, and has this digest. Whose it is, is the caller's to know. Throws as
    /// <see cref="AuthorizeAsync"/> does.
    /// </summary>
    Task<AuthorizedModel> ResolveAsync(string kind, string podNamespace, string name, string digest, CancellationToken cancellationToken);

    /// <summary>Whether a Pod is known to be gone: deleted, replaced by a namesake, or moved. False when it cannot be told.</summary>
    Task<bool> IsGoneAsync(string podNamespace, string podName, string podUid, CancellationToken cancellationToken);
}

/// <summary>A model that may be had.</summary>
/// <param name="Kind">Model or ClusterModel.</param>
/// <param name="Namespace">Null for a ClusterModel.</param>
internal sealed record AuthorizedModel(string Kind, string? Namespace, string Name, string Digest, long SizeBytes)
{
    public override string ToString() => Namespace is null ? $"{Kind} {Name}" : $"{Kind} {Namespace}/{Name}";
}
