using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>
/// The index of sharded weights: <c>model.safetensors.index.json</c>, <c>pytorch_model.bin.index.json</c>, of a variant
/// <c>diffusion_pytorch_model.safetensors.index.fp16.json</c>.
/// </summary>
internal static partial class WeightIndex
{
    public static bool IsIndex(SourceFile file) => Pattern().IsMatch(file.Name);

    [GeneratedRegex(@"\.(safetensors|bin)\.index(\.[A-Za-z0-9_]+)?\.json$", RegexOptions.NonBacktracking)]
    private static partial Regex Pattern();
}
