namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// Empties a hub's ring of what is old, so that a store which has become quiet holds nothing for watchers that have long taken it. Who comes back for
/// something older is served from the engine's history.
/// </summary>
public sealed class WatchHubAging : IAsyncDisposable
{
    /// <summary>What is younger stays: client-go waits for 30 seconds at most before it connects anew.</summary>
    public static readonly TimeSpan Age = TimeSpan.FromSeconds(30);

    private readonly WatchHub _hub;
    private readonly ITimer _timer;
    private long _newestBefore;

    /// <summary>Begins with what the hub holds from now on.</summary>
    public WatchHubAging(WatchHub hub, TimeProvider time)
    {
        _hub = hub;
        _newestBefore = hub.NewestRevision;
        _timer = time.CreateTimer(static state => ((WatchHubAging)state!).Forget(), this, Age, Age);
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Forget()
    {
        long newest = _hub.NewestRevision;
        _hub.Forget(Interlocked.Exchange(ref _newestBefore, newest));
    }
}
