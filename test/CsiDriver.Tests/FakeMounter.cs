using System.Collections.Concurrent;
using AiModels.CsiDriver.Mounting;

namespace AiModels.CsiDriver.Tests;

/// <summary>Mounts in memory, with the same promises as the real ones.</summary>
internal sealed class FakeMounter : IMounter
{
    public ConcurrentDictionary<string, (string Source, bool ReadOnly)> Mounts { get; } = new();

    public IOException? NextFailure { get; set; }

    /// <summary>When set, mounting waits for it: two calls can be made to meet.</summary>
    public ManualResetEventSlim? Hold { get; set; }

    public MountState? Find(string target, string expectedSource) =>
        Mounts.TryGetValue(target, out var mount) ? new MountState(mount.Source == expectedSource, mount.ReadOnly) : null;

    public ShownFolder? Shown(string target) => Mounts.TryGetValue(target, out var mount) ? new ShownFolder(mount.Source, mount.ReadOnly) : null;

    public void BindReadOnly(string source, string target)
    {
        Hold?.Wait();
        if (NextFailure is { } failure)
        {
            NextFailure = null;
            throw failure;
        }

        if (!Mounts.TryAdd(target, (source, true)))
        {
            throw new IOException($"{target} is mounted already");
        }
    }

    public void RemountReadOnly(string target) => Mounts[target] = (Mounts[target].Source, true);

    public void Unmount(string target)
    {
        if (!Mounts.TryRemove(target, out _))
        {
            throw new IOException($"{target} is not mounted");
        }
    }
}
