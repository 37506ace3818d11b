namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>
/// Which of a component's weights are kept: those of one variant, Safetensors where there is a choice. The variant is the one of the file that the URL names,
/// else the plain weights, which loaders take when nobody asks for a variant. Works on names, because a hub's files are chosen before they are fetched.
/// </summary>
internal static class WeightSelection
{
    // What most pipelines have when they have no plain weights, then what is wider; others in the order of their names.
    private static readonly string[] Usual = ["", "fp16", "bf16", "fp32"];

    /// <summary>The paths that are not kept, with the reason in words.</summary>
    public static IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred)
    {
        string wanted = preferred is not null && WeightName.Of(preferred) is { } named ? named.Variant : "";
        var leftOut = new Dictionary<string, string>();
        var weights = files.Select(file => (file.Path, Name: WeightName.Of(file.Path))).Where(file => file.Name is { Folder.Length: > 0 });
        foreach (var folder in weights.GroupBy(file => file.Name!.Value.Folder))
        {
            WeightName chosen = folder.Select(file => file.Name!.Value).MinBy(name => (Rank(name.Variant, wanted), name.IsPickle, name.Variant));
            foreach ((string path, WeightName? name) in folder.Where(file => file.Name != chosen))
            {
                leftOut[path] = name!.Value.Variant == chosen.Variant
                    ? "the same weights in another format; Safetensors were chosen"
                    : $"another variant of the same weights; {Describe(chosen)} chosen (name a file of another variant in the URL to choose it)";
            }
        }

        return leftOut;
    }

    private static int Rank(string variant, string wanted)
    {
        int usual = Array.IndexOf(Usual, variant);
        return variant == wanted ? -1 : usual >= 0 ? usual : Usual.Length;
    }

    private static string Describe(WeightName chosen) => chosen.Variant.Length == 0 ? "the plain ones were" : $"the variant {chosen.Variant} was";
}
