using AiModels.ModelPack.Format;

namespace AiModels.NodeAgent.Materialization;

/// <summary>Files that are on this disk already, in other models.</summary>
internal interface ILocalFiles
{
    /// <summary>Gives <paramref name="path"/> the bytes of <paramref name="file"/> without fetching them. False when that is not possible: then they are fetched.</summary>
    bool TryLink(FileEntry file, string path);
}

/// <summary>For targets that have no neighbours.</summary>
internal sealed class NoLocalFiles : ILocalFiles
{
    public static NoLocalFiles Instance { get; } = new();

    public bool TryLink(FileEntry file, string path) => false;
}
