using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>A mount table of the test's choice.</summary>
internal sealed class FakeMounts : IMountedModels
{
    public List<MountedModel> Mounted { get; } = [];

    public IReadOnlyList<MountedModel> Find() => [.. Mounted];

    public void Add(string model, string? podUid = null, string? volumeId = null)
    {
        string digest = CacheTestBench.DigestOf(model);
        Mounted.Add(new MountedModel(digest["sha256:".Length..], digest, "/var/lib/kubelet/pods/x", podUid, volumeId));
    }
}
