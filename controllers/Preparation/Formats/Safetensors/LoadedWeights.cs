namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>
/// Which of a transformers model's weights a loader reads when nobody names a file: model.safetensors, else what its index names, else whatever lies at the
/// root. What lies beside them (an adapter, another precision) is no second helping of parameters.
/// </summary>
internal static class LoadedWeights
{
    private const string Single = "model.safetensors";
    private const string Index = "model.safetensors.index.json";

    public static IReadOnlyList<ModelFile> Of(IReadOnlyList<ModelFile> files)
    {
        ModelFile[] weights = [.. files.Where(file => file.Safetensors is not null)];
        if (weights.FirstOrDefault(file => file.Path == Single) is { } single)
        {
            return [single];
        }

        if (files.FirstOrDefault(file => file.Path == Index)?.Content is { } index)
        {
            IReadOnlySet<string> named = SafetensorsIndex.FilesOf(Index, index.Span);
            return [.. weights.Where(file => named.Contains(file.Path))];
        }

        ModelFile[] root = [.. weights.Where(file => !file.Path.Contains('/', StringComparison.Ordinal) && file.Path != "adapter_model.safetensors")];
        return root.Length > 0 ? root : weights;
    }
}
