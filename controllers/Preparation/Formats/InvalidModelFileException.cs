namespace AiModels.Controllers.Preparation.Formats;

/// <summary>
/// A model file is not what its format says it must be. The message is for the user: it names what was found and what would be right;
/// <see cref="Path"/> says in which file.
/// </summary>
internal sealed class InvalidModelFileException(string path, string problem) : Exception($"{path}: {problem}")
{
    public string Path { get; } = path;
}
