namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>A write that waits for its turn, and its answer.</summary>
internal sealed class SqliteWrite(
    StoreEventType type, ObjectKey key, long expectedRevision, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<WriteResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StoreEventType Type { get; } = type;
    public ObjectKey Key { get; } = key;
    public string Path { get; } = key.ToString();

    /// <summary>Revision the key must be at; not looked at by a create.</summary>
    public long ExpectedRevision { get; } = expectedRevision;
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>Set while the transaction is open; told to the caller when it is on disk.</summary>
    public WriteResult Result { get; set; }

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

    public void Acknowledge() => _completion.TrySetResult(Result);

    public void Fail(Exception reason) => _completion.TrySetException(reason);
}
