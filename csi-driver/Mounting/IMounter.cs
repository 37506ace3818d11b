namespace AiModels.CsiDriver.Mounting;

/// <summary>What the driver needs of the operating system. Failures are <see cref="IOException"/> with the system's own words.</summary>
internal interface IMounter
{
    /// <summary>What is mounted on a path, as seen from outside, or null when nothing is. The path need not exist.</summary>
    MountState? Find(string target, string expectedSource);

    /// <summary>The topmost mount on a path, or null when nothing is.</summary>
    ShownFolder? Shown(string target);

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

/// <summary>What a mount shows.</summary>
/// <param name="Path">The folder's path in its own file system; "/" when the whole file system is shown.</param>
internal sealed record ShownFolder(string Path, bool IsReadOnly)
{
    // What the kernel writes behind the path of a folder that was removed while it was mounted.
    private const string Removed = "//deleted";

    /// <summary>Models are folders in a file system. A whole one was mounted by somebody else and for something else.</summary>
    public bool IsWholeFileSystem => Path == "/";

    /// <summary>
    /// Whether it is the folder of the model with this digest in a node's cache, also when that was set aside meanwhile: the agent names models' folders by their digest, with
    /// words before it at most.
    /// </summary>
    public bool IsModel(string digest)
    {
        string path = Path.EndsWith(Removed, StringComparison.Ordinal) ? Path[..^Removed.Length] : Path;
        return path.EndsWith(digest[(digest.IndexOf(':') + 1)..], StringComparison.Ordinal);
    }
}
