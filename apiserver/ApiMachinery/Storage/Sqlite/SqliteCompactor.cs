namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// Forgets old versions, a bounded step at a time on the writer's thread, so that writes wait for one step at most.
/// A version goes when a newer version of its key is not newer than the target; a deletion goes when it is older than the target.
/// The floor moves first: whoever asks for history that is half gone is refused, never given half of it.
/// </summary>
internal sealed class SqliteCompactor
{
    // Revisions per step: a few milliseconds of work.
    private const long StepSize = 500;

    private readonly SqliteDatabase _database;
    private readonly SqliteStatement _raise, _progress, _advance, _superseded, _deletions;
    private readonly List<(long Target, TaskCompletionSource Done)> _waiting = [];

    public SqliteCompactor(SqliteDatabase database)
    {
        _database = database;
        database.Execute("INSERT OR IGNORE INTO state VALUES ('swept', 1)");
        _raise = database.Prepare("UPDATE state SET value = max(value, ?1) WHERE name = 'compacted'");
        _progress = database.Prepare("SELECT value FROM state WHERE name = 'swept'");
        _advance = database.Prepare("UPDATE state SET value = ?1 WHERE name = 'swept'");
        _superseded = database.Prepare(
            "DELETE FROM versions WHERE revision IN (SELECT previous FROM versions WHERE revision > ?1 AND revision <= ?2 AND previous IS NOT NULL)");
        _deletions = database.Prepare("DELETE FROM versions WHERE revision >= ?1 AND revision < ?2 AND kind = 2");
    }

    /// <summary>Ends when history before the revision is gone.</summary>
    public Task WhenDoneAsync(long target)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_waiting)
        {
            _waiting.Add((target, done));
        }

        return done.Task;
    }

    /// <summary>One step towards the target; true when it is reached (or cannot be).</summary>
    public bool Step(long target)
    {
        try
        {
            _database.Execute("BEGIN IMMEDIATE");
            _raise.Bind(1, target).Run();
            long from = Read(_progress);
            long to = Math.Min(Math.Max(target, from), from + StepSize);
            _superseded.Bind(1, from).Bind(2, to).Run();
            _deletions.Bind(1, from).Bind(2, to).Run();
            _advance.Bind(1, to).Run();
            _database.Execute("COMMIT");
            bool isDone = to >= target;
            if (isDone)
            {
                Finish(target, null);
            }

            return isDone;
        }
        catch (StoreUnavailableException reason)
        {
            // Whoever asked hears of it; the timer asks again.
            _database.RollbackIfOpen();
            Finish(long.MaxValue, reason);
            return true;
        }
    }

    /// <summary>The store closes: nobody waits any longer.</summary>
    public void Abandon() => Finish(long.MaxValue, new StoreUnavailableException("the store is closing"));

    private void Finish(long reached, Exception? reason)
    {
        lock (_waiting)
        {
            foreach ((long target, TaskCompletionSource done) in _waiting)
            {
                if (target <= reached)
                {
                    _ = reason is null ? done.TrySetResult() : done.TrySetException(reason);
                }
            }

            _waiting.RemoveAll(waiter => waiter.Target <= reached);
        }
    }

    private static long Read(SqliteStatement statement)
    {
        try
        {
            statement.Step();
            return statement.Int64(0);
        }
        finally
        {
            statement.Reset();
        }
    }
}
