using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>
/// The name of a component's weights, or of their index, as diffusers and transformers write it:
/// <c>diffusion_pytorch_model.fp16-00001-of-00002.safetensors</c>, <c>model.safetensors</c>, <c>pytorch_model.bin.index.json</c>.
/// </summary>
/// <param name="Folder">The component's folder, "" at the root.</param>
/// <param name="IsPickle">.bin and not .safetensors.</param>
/// <param name="Variant">fp16 and the like; "" for the weights that a loader takes when nobody asks for a variant.</param>
internal readonly partial record struct WeightName(string Folder, bool IsPickle, string Variant)
{
    /// <summary>Null for a file that no loader of a component reads weights from.</summary>
    public static WeightName? Of(string path)
    {
        int slash = path.LastIndexOf('/');
        Match match = Pattern().Match(path[(slash + 1)..]);
        if (!match.Success)
        {
            return null;
        }

        string variant = ((string[])["before", "after", "index"]).Select(group => match.Groups[group].Value).FirstOrDefault(value => value.Length > 0) ?? "";
        return new WeightName(slash < 0 ? "" : path[..slash], match.Groups["extension"].Value == "bin", variant);
    }

    // The variant stands before the shard's number today and stood behind it once; in an index it stands before .json.
    [GeneratedRegex(
        @"^(diffusion_pytorch_model|pytorch_model|model)(\.(?<before>[A-Za-z0-9_]+))?(-\d{5}-of-\d{5})?(\.(?<after>[A-Za-z0-9_]+))?\.(?<extension>safetensors|bin)(\.index(\.(?<index>[A-Za-z0-9_]+))?\.json)?$",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
