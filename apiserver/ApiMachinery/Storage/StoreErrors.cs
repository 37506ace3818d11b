namespace AiModels.ApiMachinery.Storage;

/// <summary>The revision asked for is older than the history that is kept. The API answers 410.</summary>
public sealed class RevisionCompactedException(long requested, long oldest)
    : Exception($"revision {requested} is no longer kept; the oldest is {oldest}")
{
    public long Requested { get; } = requested;

    /// <summary>The oldest revision that can still be asked for.</summary>
    public long Oldest { get; } = oldest;
}

/// <summary>The revision asked for was not reached yet. The API waits a little, then answers 504.</summary>
public sealed class RevisionInFutureException(long requested, long current)
    : Exception($"revision {requested} is ahead of the newest, {current}")
{
    public long Requested { get; } = requested;
    public long Current { get; } = current;
}

/// <summary>The engine cannot take or give data now (disk full, database unreachable). The API answers 503; nothing was acknowledged.</summary>
public class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The engine was asked to write and did not say what became of it (its connection broke at that moment): the write may be there, may come a little later,
/// or never. The API answers 504 without asking to try again: only a read tells.
/// </summary>
public sealed class OutcomeUnknownException(string message, Exception? inner = null) : StoreUnavailableException(message, inner);

/// <summary>The engine takes no value of this size. The API answers 413; nothing was written.</summary>
public sealed class ValueTooLargeException(string message, Exception? inner = null) : Exception(message, inner);
