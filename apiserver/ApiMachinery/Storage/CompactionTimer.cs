namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// Compacts on time: remembers which revision was the newest when, and forgets what is older than <see cref="SqliteStoreOptions.HistoryAge"/>
/// or beyond <see cref="SqliteStoreOptions.HistoryRevisions"/>.
/// </summary>
internal sealed class SqliteCompactionTimer : IAsyncDisposable
{
    private readonly SqliteObjectStore _store;
    private readonly SqliteStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly PeriodicTimer _ticks;
    private readonly Queue<(DateTimeOffset At, long Revision)> _marks = new();
    private readonly Task _loop;

    public SqliteCompactionTimer(SqliteObjectStore store, SqliteStoreOptions options, TimeProvider time)
    {
        _store = store;
        _options = options;
        _time = time;
        _ticks = new PeriodicTimer(options.CompactionInterval, time);
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
        long target = newest - _options.HistoryRevisions;
        while (_marks.TryPeek(out (DateTimeOffset At, long Revision) oldest) && now - oldest.At >= _options.HistoryAge)
        {
            target = Math.Max(target, oldest.Revision);
            _marks.Dequeue();
        }

        return target;
    }
}
