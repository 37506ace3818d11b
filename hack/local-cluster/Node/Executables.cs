namespace AiModels.LocalCluster.Node;

/// <summary>Our own programs: the only ones that this node's containers really run.</summary>
internal static class Executables
{
    private static readonly string[] Names = ["apiserver", "registry", "controllers", "nodeagent", "csi-driver"];

    /// <summary>The program a container's command names (nodeagent, /app/nodeagent), or null when it is none of ours.</summary>
    public static string? Find(string? command)
    {
        string name = Path.GetFileName(command ?? "");
        if (!Names.Contains(name)) return null;
        string beside = Path.Combine(AppContext.BaseDirectory, name);
        return File.Exists(beside) ? beside : null;
    }
}
