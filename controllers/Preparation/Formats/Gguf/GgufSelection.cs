using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Formats.Gguf;

/// <summary>
/// Which one of several quantisations of a model is kept (requirement Q2): the file the user named, else Q4_K_M, else the smallest of at least four bits.
/// A shard set counts as one file. Works on names, because a hub's files are chosen before they are fetched.
/// </summary>
internal static partial class GgufSelection
{
    /// <summary>The paths that are not kept, with the choice in words.</summary>
    public static IReadOnlyDictionary<string, string> LeaveOut(IReadOnlyList<SourceFile> files, string? preferred)
    {
        var leftOut = new Dictionary<string, string>();
        SourceFile[] weights = [.. files.Where(file => file.IsGguf)];
        Choose(Sets(weights.Where(file => !IsProjector(file))), preferred, leftOut);

        // A projector is a small part beside the model; several are the same one in several precisions.
        Choose(Sets(weights.Where(IsProjector)), preferred, leftOut);
        return leftOut;
    }

    private static bool IsProjector(SourceFile file) => file.Name.StartsWith("mmproj", StringComparison.OrdinalIgnoreCase);

    private static SourceFile[][] Sets(IEnumerable<SourceFile> files) =>
        [.. files.GroupBy(file => ShardName.Of(file.Path) is { } part ? $"{part.Set}/{part.Count}" : file.Path).Select(set => set.ToArray())];

    private static void Choose(SourceFile[][] sets, string? preferred, Dictionary<string, string> leftOut)
    {
        if (sets.Length <= 1)
        {
            return;
        }

        (SourceFile[] chosen, string why) = Best(sets, preferred);
        foreach (SourceFile file in sets.Where(set => set != chosen).SelectMany(set => set))
        {
            leftOut[file.Path] = $"{chosen[0].Path} was chosen, {why}";
        }
    }

    private static (SourceFile[] Set, string Why) Best(SourceFile[][] sets, string? preferred)
    {
        if (preferred is not null && sets.FirstOrDefault(set => set.Any(file => file.Path == preferred)) is { } named)
        {
            return (named, "which the URL names");
        }

        if (sets.FirstOrDefault(set => QuantizationOf(set[0].Name) == "Q4_K_M") is { } usual)
        {
            return (usual, "the Q4_K_M quantisation (name a file in the URL to choose another)");
        }

        SourceFile[][] wideEnough = [.. sets.Where(set => BitsOf(set[0].Name) is null or >= 4)];
        return wideEnough.Length > 0
            ? (wideEnough.MinBy(SizeOf)!, "the smallest of at least four bits (name a file in the URL to choose another)")
            : (sets.MaxBy(SizeOf)!, "the largest, since none has four bits (name a file in the URL to choose another)");
    }

    private static long SizeOf(SourceFile[] set) => set.Sum(file => file.Length);

    private static string? QuantizationOf(string name) => Label().Match(name) is { Success: true } match ? match.Groups["label"].Value.ToUpperInvariant() : null;

    private static int? BitsOf(string name)
    {
        Match match = Label().Match(name);
        return match.Success ? int.Parse(match.Groups["bits"].Value) : null;
    }

    [GeneratedRegex(@"(?:^|[-._])(?<label>(?:I?Q|TQ|MXFP|NVFP|B?F|FP)(?<bits>\d{1,2})(?:_[A-Za-z0-9]+)*)(?=[-.]|$)", RegexOptions.IgnoreCase | RegexOptions.RightToLeft, 1000)]
    private static partial Regex Label();
}
