namespace AiModels.ApiMachinery.Storage;

/// <summary>Compacts the store of one process on time: remembers which revision was the newest when, and forgets what is too old or too much. For engines.</summary>
public sealed class CompactionTimer : IAsyncDisposable
{
    private readonly IObjectStore _store;
    private readonly TimeSpan _age;
    private readonly long _revisions;
    private readonly TimeProvider _time;
    private readonly PeriodicTimer _ticks;
    private readonly Queue<(DateTimeOffset At, long Revision)> _marks = new();
    private readonly Task _loop;

    /// <param name="age">History younger than this is kept,</param>
    /// <param name="revisions">but no more revisions than these.</param>
    /// <param name="interval">How often it looks.</param>
    public CompactionTimer(IObjectStore store, TimeSpan age, long revisions, TimeSpan interval, TimeProvider time)
    {
        (_store, _age, _revisions, _time) = (store, age, revisions, time);
        _ticks = new PeriodicTimer(interval, time);
        _loop = RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _ticks.Dispose();
        await _loop;
    }

    private async Task RunAsync()
    {
        while (await _ticks.WaitForNextTickAsync())
        {
            long newest = await _store.GetRevisionAsync(CancellationToken.None);
            long target = Target(_time.GetUtcNow(), newest);
            if (target > 1)
            {
                try
                {
                    await _store.CompactAsync(target, CancellationToken.None);
                }
                catch (StoreUnavailableException)
                {
                    // A full or failing disk is told to every writer; history that stays a little longer harms nobody. The next tick tries again.
                }
            }
        }
    }

    private long Target(DateTimeOffset now, long newest)
    {
        _marks.Enqueue((now, newest));
        long target = newest - _revisions;
        while (_marks.TryPeek(out (DateTimeOffset At, long Revision) oldest) && now - oldest.At >= _age)
        {
            target = Math.Max(target, oldest.Revision);
            _marks.Dequeue();
        }

        return target;
    }
}
