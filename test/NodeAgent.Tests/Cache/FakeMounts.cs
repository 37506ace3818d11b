using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>A mount table of the test's choice.</summary>
internal sealed class FakeMounts : IMountedModels
{
    public List<MountedModel> Mounted { get; } = [];

    /// <summary>Of a model: what has it mounted has it still when its folder was set aside, as the kernel has it.</summary>
    public (string Model, string ModelsFolder)? Aside { get; set; }

    public IReadOnlyList<MountedModel> Find() =>
    [
        .. Mounted,
        .. Aside is { } aside
            ? Directory.GetDirectories(aside.ModelsFolder, ".damaged-*").Select(path => new MountedModel(Path.GetFileName(path), CacheTestBench.DigestOf(aside.Model), "/pod", null, null))
            : [],
    ];

    public void Add(string model, string? podUid = null, string? volumeId = null)
    {
        string digest = CacheTestBench.DigestOf(model);
        Mounted.Add(new MountedModel(digest["sha256:".Length..], digest, "/var/lib/kubelet/pods/x", podUid, volumeId));
    }
}
