using System.Globalization;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Storage;

/// <summary>
/// Copies all objects of one store, as of one revision, into another, which must be empty, and compares them afterwards. Objects get new revisions;
/// the target's is raised beyond the source's, so that no client comes with a resourceVersion from its future and waits for changes that lie behind it.
/// </summary>
internal sealed class StorageCopy(IObjectStore source, IObjectStore target, TextWriter report)
{
    private const string Everything = "/";
    private const int PageSize = 500;

    // Writes under way at once: engines commit what waits together.
    private const int Writers = 32;

    private static readonly ObjectKey Padding = new("internal.ai.deckhouse.io", "storage", "", "padding");

    /// <summary>Answers the number of objects. Throws <see cref="StorageCopyException"/> when the target is not empty or differs in the end.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        StoredList there = await target.ListAsync(new ListRequest { Prefix = Everything, Limit = 1 }, cancellationToken);
        if (there.Objects is [var first, ..])
        {
            throw new StorageCopyException(
                $"the target is not empty: it holds {1 + there.Remaining} objects, among them {first.Key}; copy into an empty store, or remove what is there");
        }

        (long revision, SortedDictionary<string, int> counts) = await CopyAsync(cancellationToken);
        foreach ((string resource, int count) in counts)
        {
            await report.WriteLineAsync($"{resource}: {count}");
        }

        await CompareAsync(revision, cancellationToken);
        await RaiseAsync(revision, cancellationToken);
        int all = counts.Values.Sum();
        await report.WriteLineAsync($"copied {all} objects as of revision {revision} and compared them; the target is at revision {await target.GetRevisionAsync(cancellationToken)}");
        return all;
    }

    private async Task<(long Revision, SortedDictionary<string, int> Counts)> CopyAsync(CancellationToken cancellationToken)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        long revision = 0;
        await foreach (StoredList page in PagesAsync(source, 0, cancellationToken))
        {
            revision = page.Revision;
            await Parallel.ForEachAsync(page.Objects, Options(cancellationToken), async (stored, stop) =>
            {
                WriteResult written = await target.CreateAsync(stored.Key, stored.Value, stop);
                if (written.Outcome != WriteOutcome.Committed)
                {
                    throw new StorageCopyException($"somebody else writes into the target: {stored.Key} was made there meanwhile; stop the API servers first");
                }
            });
            foreach (StoredObject stored in page.Objects)
            {
                string resource = stored.Key.Group.Length > 0 ? $"{stored.Key.Resource}.{stored.Key.Group}" : stored.Key.Resource;
                counts[resource] = counts.GetValueOrDefault(resource) + 1;
            }
        }

        return (revision, counts);
    }

    private async Task CompareAsync(long revision, CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<StoredObject> copies = ObjectsAsync(target, 0, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await foreach (StoredObject original in ObjectsAsync(source, revision, cancellationToken))
        {
            bool isEqual = await copies.MoveNextAsync() && copies.Current.Key == original.Key && copies.Current.Value.Span.SequenceEqual(original.Value.Span);
            if (!isEqual)
            {
                throw new StorageCopyException($"the target differs from the source at {original.Key}; empty it and copy again");
            }
        }

        if (await copies.MoveNextAsync())
        {
            throw new StorageCopyException($"the target holds {copies.Current.Key}, which the source does not; stop the API servers, empty it and copy again");
        }
    }

    private async Task RaiseAsync(long revision, CancellationToken cancellationToken)
    {
        long missing = revision - await target.GetRevisionAsync(cancellationToken);
        if (missing <= 0)
        {
            return;
        }

        if (missing > 100_000)
        {
            await report.WriteLineAsync($"raising the target's revision by {missing}");
        }

        // The objects themselves stay as they are: what is written is removed again.
        await Parallel.ForEachAsync(Enumerable.Range(0, Writers), Options(cancellationToken), async (writer, stop) =>
        {
            ObjectKey key = Padding with { Name = $"padding-{writer.ToString(CultureInfo.InvariantCulture)}" };
            StoredObject last = (await target.CreateAsync(key, new byte[1], stop)).Object!;
            while (last.Revision < revision)
            {
                last = (await target.UpdateAsync(key, last.Revision, new byte[1], stop)).Object!;
            }

            await target.DeleteAsync(key, last.Revision, stop);
        });
        await target.CompactAsync(long.MaxValue, cancellationToken);
    }

    private static async IAsyncEnumerable<StoredList> PagesAsync(
        IObjectStore store, long revision, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            StoredList page = await store.ListAsync(new ListRequest { Prefix = Everything, Revision = revision, After = after, Limit = PageSize }, cancellationToken);
            yield return page;
            if (page.Remaining == 0)
            {
                yield break;
            }

            (revision, after) = (page.Revision, page.Objects[^1].Key.ToString());
        }
    }

    private static async IAsyncEnumerable<StoredObject> ObjectsAsync(
        IObjectStore store, long revision, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (StoredList page in PagesAsync(store, revision, cancellationToken))
        {
            foreach (StoredObject stored in page.Objects)
            {
                yield return stored;
            }
        }
    }

    private static ParallelOptions Options(CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = Writers, CancellationToken = cancellationToken };
}

/// <summary>Why a copy was not made or is not good, as a sentence a person can act on.</summary>
internal sealed class StorageCopyException(string message) : Exception(message);
