namespace AiModels.ApiMachinery.Handlers;

/// <summary>When a watch's next bookmark is due: every interval, and once shortly before the watch ends (contract W9).</summary>
internal sealed class BookmarkClock : IDisposable
{
    private readonly TimeSpan _interval;
    private readonly TimeSpan _last;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly CancellationTokenSource _disposed = new();

    /// <param name="last">After this time since <paramref name="started"/> the last bookmark is due.</param>
    public BookmarkClock(TimeSpan interval, TimeSpan last, TimeProvider time, long started)
    {
        (_interval, _last, _time, _started) = (interval, last, time, started);
        Next = Delay();
    }

    /// <summary>Completes when a bookmark is due.</summary>
    public Task Next { get; private set; }

    public void Restart() => Next = Delay();

    public void Dispose()
    {
        _disposed.Cancel();
        _disposed.Dispose();
    }

    private Task Delay()
    {
        TimeSpan untilLast = _last - _time.GetElapsedTime(_started);
        TimeSpan wait = untilLast > TimeSpan.Zero && untilLast < _interval ? untilLast : _interval;
        return Task.Delay(wait, _time, _disposed.Token);
    }
}
