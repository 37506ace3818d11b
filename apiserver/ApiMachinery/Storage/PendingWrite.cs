namespace AiModels.ApiMachinery.Storage;

/// <summary>A write that waits for its turn in an embedded engine, what it comes to, and its answer.</summary>
public sealed class PendingWrite(
    StoreEventType type, ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<WriteResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WriteResult _result;

    /// <summary>What is to happen to the key.</summary>
    public StoreEventType Type { get; } = type;

    /// <summary>Of which object.</summary>
    public ObjectKey Key { get; } = key;

    /// <summary>The key as text.</summary>
    public string Path { get; } = key.ToString();

    /// <summary>What it is to be; empty for a deletion.</summary>
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>Ends when the write is on disk or refused, or with why it could not be made.</summary>
    public Task<WriteResult> Completion => _completion.Task;

    /// <summary>Whether the caller still wants it. A write that has begun is not taken back.</summary>
    public bool IsWanted()
    {
        if (cancellationToken.IsCancellationRequested)
        {
            _completion.TrySetCanceled(cancellationToken);
            return false;
        }

        return true;
    }

    /// <summary>Compares with what is current. Gives the change to be written under a revision, or null when the write is refused.</summary>
    public HubEvent? Decide(StoredObject? current, long revision)
    {
        WriteOutcome outcome = Type == StoreEventType.Created
            ? current is null ? WriteOutcome.Committed : WriteOutcome.Exists
            : current is null ? WriteOutcome.NotFound : current.Revision == expectedRevision ? WriteOutcome.Committed : WriteOutcome.Conflict;
        if (outcome != WriteOutcome.Committed)
        {
            _result = new WriteResult(outcome, current);
            return null;
        }

        var stored = new StoredObject(Key, revision, Type == StoreEventType.Deleted ? current!.Value : Value);
        _result = new WriteResult(WriteOutcome.Committed, stored);
        ReadOnlyMemory<byte>? replaced = Type == StoreEventType.Updated ? current!.Value : default(ReadOnlyMemory<byte>?);
        return new HubEvent(Path, new StoreEvent(Type, stored, replaced));
    }

    /// <summary>Tells the caller what was decided, once that is on disk.</summary>
    public void Acknowledge() => _completion.TrySetResult(_result);

    /// <summary>Tells the caller that nothing was written.</summary>
    public void Fail(Exception reason) => _completion.TrySetException(reason);
}
