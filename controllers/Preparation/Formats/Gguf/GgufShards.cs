namespace AiModels.Controllers.Preparation.Formats.Gguf;

/// <summary>The parts of a GGUF model that was split (llama.cpp's gguf-split): what their names and their headers say must be one whole.</summary>
internal static class GgufShards
{
    private const string Number = "split.no";
    private const string Count = "split.count";
    private const string Tensors = "split.tensors.count";

    /// <summary>The part whose header describes the model; the others only say which part they are.</summary>
    public static ModelFile First(ModelFile[] parts) => parts.MinBy(part => part.Gguf!.Number(Number) ?? 0)!;

    public static void Check(ModelFile[] parts)
    {
        ShardName.CheckComplete(parts.Select(file => file.Path));
        if (parts.FirstOrDefault(part => part.Gguf!.Number(Count) > 1) is not { } split)
        {
            return;
        }

        ulong count = split.Gguf!.Number(Count)!.Value;
        var seen = new HashSet<ulong>();
        foreach (ModelFile part in parts)
        {
            ulong number = part.Gguf!.Number(Number) ?? 0;
            if (part.Gguf.Number(Count) != count || number >= count || !seen.Add(number))
            {
                throw new InvalidModelFileException(
                    part.Path, $"its header says part {number + 1} of {part.Gguf.Number(Count) ?? 1} ({Number}, {Count}), which does not fit the other parts of {count}.");
            }

            if (ShardName.Of(part.Path) is { } name && (ulong)name.Number != number + 1)
            {
                throw new InvalidModelFileException(part.Path, $"its name says part {name.Number} and its header part {number + 1} ({Number}). Rename the parts as they were.");
            }
        }

        if ((ulong)parts.Length < count)
        {
            throw new InvalidModelFileException(
                split.Path, $"it is part {(split.Gguf.Number(Number) ?? 0) + 1} of {count}, and {parts.Length} are there. All parts of a split model are needed.");
        }

        ulong there = (ulong)parts.Sum(part => part.Gguf!.TensorCount);
        if (split.Gguf.Number(Tensors) is { } announced && announced != there)
        {
            throw new InvalidModelFileException(split.Path, $"its header announces {announced} tensors in all parts ({Tensors}), and they hold {there}: a part is of another model.");
        }
    }
}
