using System.Text.RegularExpressions;

namespace AiModels.Controllers.Preparation.Formats;

/// <summary>The name of one part of a sharded file: <c>model-00001-of-00004.safetensors</c>, <c>x-Q4_K_M-00001-of-00002.gguf</c>.</summary>
/// <param name="Set">What all parts have in common: the path without the number.</param>
internal readonly partial record struct ShardName(string Set, int Number, int Count)
{
    /// <summary>Null for a file that is no part.</summary>
    public static ShardName? Of(string path)
    {
        Match match = Pattern().Match(path);
        return match.Success
            ? new ShardName(match.Groups["before"].Value + match.Groups["after"].Value, int.Parse(match.Groups["number"].Value), int.Parse(match.Groups["count"].Value))
            : null;
    }

    /// <summary>Every set must have all of its parts.</summary>
    public static void CheckComplete(IEnumerable<string> paths)
    {
        foreach (IGrouping<(string Set, int Count), ShardName> set in paths.Select(Of).OfType<ShardName>().GroupBy(part => (part.Set, part.Count)))
        {
            // Numbers beyond the count would make a lying set look complete.
            int[] there = [.. set.Select(part => part.Number).Where(number => number >= 1 && number <= set.Key.Count).Distinct()];
            if (there.Length < set.Key.Count)
            {
                int missing = Enumerable.Range(1, set.Key.Count).First(number => !there.Contains(number));
                throw new InvalidModelFileException(set.Key.Set, $"part {missing} of {set.Key.Count} is missing. All parts of a sharded model are needed.");
            }
        }
    }

    // Five digits as every tool writes them; lazy and anchored, so that it cannot backtrack far.
    [GeneratedRegex(@"^(?<before>.+)-(?<number>\d{5})-of-(?<count>\d{5})(?<after>\.[a-zA-Z]+)$", RegexOptions.NonBacktracking)]
    private static partial Regex Pattern();
}
