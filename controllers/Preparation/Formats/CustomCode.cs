namespace AiModels.Controllers.Preparation.Formats;

/// <summary>Code that comes with a model. It is kept, because loaders need it, and said, because they would run it.</summary>
internal static class CustomCode
{
    public static IReadOnlyList<string> Of(IReadOnlyList<ModelFile> files) =>
        [.. files.Select(file => file.Path).Where(path => path.EndsWith(".py", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
}
