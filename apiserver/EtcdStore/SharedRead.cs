namespace AiModels.EtcdStore;

/// <summary>
/// One read for everybody who wants it: who comes while one is under way gets the next, which all who wait share. So each gets an answer to a question that
/// was asked after he came, as with a read of his own, and however many come there is one at a time.
/// </summary>
internal sealed class SharedRead<T>(Func<Task<T>> read)
{
    private readonly Lock _lock = new();
    private Task<T>? _running;
    private Task<T>? _next;

    /// <summary>An answer to a read that began after this call. A failed read fails for all who share it.</summary>
    public Task<T> ReadAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Task<T> mine = _running is null ? _running = RunAsync(Task.CompletedTask) : _next ??= RunAsync(_running);
            return mine.WaitAsync(cancellationToken);
        }
    }

    private async Task<T> RunAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        try
        {
            return await read();
        }
        finally
        {
            lock (_lock)
            {
                (_running, _next) = (_next, null);
            }
        }
    }
}
