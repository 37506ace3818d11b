using System.Collections.Concurrent;

namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>A bounded set of read connections, opened as they are needed.</summary>
internal sealed class SqliteReaderPool(string path, int size, ValueCache values) : IDisposable
{
    private readonly SemaphoreSlim _free = new(size);
    private readonly ConcurrentBag<SqliteReader> _idle = [];

    /// <summary>Reads with a connection of its own; waits when all are in use.</summary>
    public async ValueTask<T> ReadAsync<T, TArgument>(
        Func<SqliteReader, TArgument, T> read, TArgument argument, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        try
        {
            if (!_idle.TryTake(out SqliteReader? reader))
            {
                reader = new SqliteReader(path, values);
            }

            // A connection that failed is as good as new: statements are reset and the transaction is over.
            try
            {
                return read(reader, argument);
            }
            finally
            {
                _idle.Add(reader);
            }
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose()
    {
        while (_idle.TryTake(out SqliteReader? reader))
        {
            reader.Dispose();
        }

        _free.Dispose();
    }
}
