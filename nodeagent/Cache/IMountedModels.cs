namespace AiModels.NodeAgent.Cache;

/// <summary>Which of the cache's models the kernel shows somewhere. Leases tell who ought to have one mounted; this tells who has.</summary>
internal interface IMountedModels
{
    /// <summary>The mounts of this moment.</summary>
    IReadOnlyList<MountedModel> Find();
}

/// <summary>A mount of a model's folder.</summary>
/// <param name="Folder">Name of the folder among the cache's models.</param>
/// <param name="Digest">Of the model, sha256:….</param>
/// <param name="Target">Where it is mounted.</param>
/// <param name="PodUid">From kubelet's path; null elsewhere.</param>
/// <param name="VolumeId">From the file that kubelet keeps beside the mount; null without.</param>
internal sealed record MountedModel(string Folder, string Digest, string Target, string? PodUid, string? VolumeId);
