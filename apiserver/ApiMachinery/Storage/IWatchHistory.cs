namespace AiModels.ApiMachinery.Storage;

/// <summary>The engine's durable history of changes.</summary>
public interface IWatchHistory
{
    /// <summary>
    /// Events under a prefix after a revision, in order, at most as many as the engine likes to give at once.
    /// Throws <see cref="RevisionCompactedException"/> when it no longer reaches back that far.
    /// </summary>
    ValueTask<HistoryPage> ReadAsync(string prefix, long afterRevision, CancellationToken cancellationToken);
}

/// <summary>A page of history.</summary>
/// <param name="Events">In revision order.</param>
/// <param name="Through">Up to this revision the page is complete: the next page starts after it.</param>
public sealed record HistoryPage(IReadOnlyList<StoreEvent> Events, long Through);
