namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// Where things of one target are. All beside each other in one folder, so that publishing is a rename within it:
/// <code>
/// models/&lt;name&gt;             the finished model, read-only
/// models/.&lt;name&gt;.partial    files being written
/// models/.&lt;name&gt;.journal    what of them is there; also the lock
/// </code>
/// </summary>
internal sealed record TargetPaths
{
    public TargetPaths(string target)
    {
        Target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        Parent = Path.GetDirectoryName(Target) ?? throw new IOException($"'{target}' is the root of a file system; the target must be a folder in one");
        string name = Path.GetFileName(Target);
        Partial = Path.Combine(Parent, $".{name}.partial");
        Journal = Path.Combine(Parent, $".{name}.journal");
    }

    public string Target { get; }
    public string Parent { get; }
    public string Partial { get; }
    public string Journal { get; }
}
