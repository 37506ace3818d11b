using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Preparation.Sources.HuggingFace;

/// <summary>The file that a URL names, if it names one: of several quantisations it is the one to take (requirement Q2).</summary>
/// <param name="Path">Null when the whole repository is meant.</param>
/// <param name="Problem">Why the URL cannot be followed, as the end of a sentence; null when it can.</param>
internal sealed record NamedFile(string? Path, string? Problem = null, string Reason = Reasons.PublicationFailed)
{
    public static NamedFile Find(HubReference reference, IReadOnlyList<HubFile> files)
    {
        if (reference.File is { } file)
        {
            return files.Any(known => known.Path == file) ? new NamedFile(file) : new NamedFile(null, $"has no file {file}.");
        }

        // Which part of the path is the revision only the hub knew when it was resolved: what is there now tells as well.
        string[] inner = [.. reference.Candidates().Select(candidate => candidate.InnerPath).OfType<string>()];
        if (inner.FirstOrDefault(path => files.Any(known => known.Path == path)) is { } exact)
        {
            return new NamedFile(exact);
        }

        if (inner.FirstOrDefault(path => files.Any(known => known.Path.StartsWith(path + "/", StringComparison.Ordinal))) is { } folder)
        {
            return OfFolder(folder, files);
        }

        // A branch with slashes leaves parts that look like a path and are none; with a file's ending they were meant as one.
        return inner.Length > 0 && inner[^1].Contains('.', StringComparison.Ordinal) && reference.NamesFile
            ? new NamedFile(null, $"has no file {inner[^1]}.")
            : new NamedFile(Path: null);
    }

    /// <summary>Some repositories have a folder for each quantisation; other folders are parts of a model, and a part alone is none.</summary>
    private static NamedFile OfFolder(string folder, IReadOnlyList<HubFile> files) =>
        files.FirstOrDefault(file => file.Path.StartsWith(folder + "/", StringComparison.Ordinal) && file.Path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) is { } weights
            ? new NamedFile(weights.Path)
            : new NamedFile(null, $"has a folder {folder}, but a model is a whole repository or a GGUF file of it. Leave the folder out of the URL.", Reasons.UnsupportedSource);
}
