using AiModels.ApiMachinery.Storage;

namespace AiModels.LiteDbStore;

/// <summary>A write that waits for its turn, and its answer.</summary>
internal sealed record LiteDbWrite(
    StoreEventType Type, ObjectKey Key, long ExpectedRevision, ReadOnlyMemory<byte> Value, CancellationToken CancellationToken)
{
    private readonly TaskCompletionSource<WriteResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Path { get; } = Key.ToString();

    /// <summary>Set while the transaction is open; told to the caller when it is on disk.</summary>
    public WriteResult Result { get; set; }

    public Task<WriteResult> Completion => _completion.Task;

    /// <summary>Whether the caller still wants it. A write that has begun is not taken back.</summary>
    public bool IsWanted()
    {
        if (CancellationToken.IsCancellationRequested)
        {
            _completion.TrySetCanceled(CancellationToken);
            return false;
        }

        return true;
    }

    public void Acknowledge() => _completion.TrySetResult(Result);

    public void Fail(Exception reason) => _completion.TrySetException(reason);
}
