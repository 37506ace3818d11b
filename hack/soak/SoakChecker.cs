using System.Text.Json.Nodes;

namespace AiModels.Soak;

/// <summary>What must be true of everything that was seen and acknowledged.</summary>
internal static class SoakChecker
{
    /// <summary>All failures, as sentences.</summary>
    /// <param name="end">Everybody has read at least so far.</param>
    public static IEnumerable<string> Check(
        IReadOnlyList<SoakWatcher> watchers, IEnumerable<Change> acknowledged, IReadOnlyList<JsonObject> lists, long start, long end)
    {
        // Step 1: one revision is one change, whoever saw it.
        var history = new SortedDictionary<long, Change>();
        foreach (SoakWatcher watcher in watchers)
        {
            foreach (Change change in watcher.Segments.SelectMany(segment => segment.Changes))
            {
                if (!history.TryAdd(change.Revision, change) && history[change.Revision] != change)
                {
                    yield return $"{watcher.Name} saw {change}, another one {history[change.Revision]}";
                }
            }
        }

        // Step 2: everybody saw each change after its start exactly once, in order.
        Change[] all = [.. history.Values];
        foreach (SoakWatcher watcher in watchers)
        {
            foreach (Segment segment in watcher.Segments)
            {
                bool isLast = segment == watcher.Segments[^1];
                long through = isLast ? end : segment.Changes.Count > 0 ? segment.Changes[^1].Revision : segment.Start;
                IEnumerable<Change> expected = all.Where(change => change.Revision > segment.Start && change.Revision <= through);
                IEnumerable<Change> seen = segment.Changes.Where(change => change.Revision <= through);
                if (!expected.SequenceEqual(seen))
                {
                    yield return Difference(watcher, segment, [.. expected], [.. seen]);
                }
            }
        }

        // Step 3: nothing is missing from all of them: each object's changes follow upon each other.
        var objects = new SortedDictionary<string, Change>(StringComparer.Ordinal);
        foreach (Change change in all)
        {
            Change? before = objects.GetValueOrDefault(change.Name);
            bool isThere = before is not null && before.Type != "DELETED";
            long number = before?.Number ?? 0;
            bool follows = change.Type switch
            {
                "ADDED" => !isThere && change.Number == number + 1,
                "MODIFIED" => isThere && change.Number == number + 1,
                _ => isThere && change.Number == number,
            };
            if (!follows)
            {
                yield return $"{change} does not follow upon {before?.ToString() ?? "nothing"}";
            }

            objects[change.Name] = change;
        }

        // Step 4: what was acknowledged happened.
        var happened = all.Select(change => (change.Type, change.Name, change.Number)).ToHashSet();
        foreach (Change change in acknowledged)
        {
            if (change.Revision > 0 ? history.GetValueOrDefault(change.Revision) != change : !happened.Contains((change.Type, change.Name, change.Number)))
            {
                yield return $"{change} was acknowledged (after revision {start}) and not seen";
            }
        }

        // Step 5: the lists are what the changes add up to.
        string state = string.Join(' ', objects.Values.Where(change => change.Type != "DELETED").Select(change => $"{change.Name}@{change.Revision}"));
        foreach (JsonObject list in lists.Where(list => SoakLister.TextOf(list) != state))
        {
            yield return $"a replica lists\n{SoakLister.TextOf(list)}\nbut the changes add up to\n{state}";
        }
    }

    private static string Difference(SoakWatcher watcher, Segment segment, Change[] expected, Change[] seen)
    {
        int at = 0;
        while (at < expected.Length && at < seen.Length && expected[at] == seen[at])
        {
            at++;
        }

        return $"{watcher.Name}, from revision {segment.Start}: {seen.Length} changes instead of {expected.Length}; at position {at} "
            + $"it saw {(at < seen.Length ? seen[at] : "nothing more")} instead of {(at < expected.Length ? expected[at] : "nothing more")}";
    }
}
