namespace AiModels.CsiDriver.Mounting;

/// <summary>What the driver needs of the operating system. Failures are <see cref="IOException"/> with the system's own words.</summary>
internal interface IMounter
{
    /// <summary>What is mounted on a path, as seen from outside, or null when nothing is. The path need not exist.</summary>
    MountState? Find(string target, string expectedSource);

    /// <summary>Whether anything is mounted on a path.</summary>
    bool IsMounted(string target);

    /// <summary>Shows the folder <paramref name="source"/> at the existing folder <paramref name="target"/>, read-only. All or nothing.</summary>
    void BindReadOnly(string source, string target);

    /// <summary>Makes an existing bind mount read-only.</summary>
    void RemountReadOnly(string target);

    /// <summary>Takes the topmost mount off a path.</summary>
    void Unmount(string target);
}

/// <summary>A mount on a target.</summary>
/// <param name="IsExpectedSource">It shows the folder that was asked for.</param>
internal sealed record MountState(bool IsExpectedSource, bool IsReadOnly);
