using AiModels.ApiMachinery.Storage;
using LiteDB;
using LiteDB.Engine;
using Microsoft.Win32.SafeHandles;

namespace AiModels.LiteDbStore;

/// <summary>
/// The collections, and the two things that LiteDB does not do by itself.
/// <para>
/// Durability: a commit of LiteDB writes its log and does not sync it, so that a loss of power takes acknowledged writes with it. Here every commit is
/// followed by a sync of the log, and LiteDB's own checkpoints, which would come at any commit, are off: they are made between commits.
/// </para>
/// <para>
/// Snapshots: a transaction of LiteDB looks at each collection as of the moment it first touches it, so what spans collections is read under a lock that
/// writes exclude.
/// </para>
/// <code>
/// versions  _id: revision | key | kind | previous revision of the key | value     every change since the last compaction, and all current objects
/// objects   _id: key | revision                                                   what is current
/// state     _id: name | value                                                     'compacted': history before this revision is gone; 'swept': it has been removed so far
/// </code>
/// </summary>
internal sealed class LiteDbDatabase : IDisposable
{
    // A checkpoint rewrites each changed page once, however often it is in the log: seldom is cheap, but the log's pages are also kept in memory.
    private const long LargestLog = 64 << 20;

    private readonly ReaderWriterLockSlim _lock = new();
    private readonly LiteDatabase _database;
    private readonly string _logPath;
    private SafeFileHandle? _log;
    private StoreUnavailableException? _failure;

    public LiteDbDatabase(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        _logPath = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(path)}-log{Path.GetExtension(path)}");

        // Binary: keys are ordered as bytes. Direct: LiteDB's shared mode opens the file anew for each call.
        _database = Guarded(() => new LiteDatabase(new LiteEngine(new EngineSettings { Filename = path, Collation = Collation.Binary })) { CheckpointSize = 0 });
        Versions = _database.GetCollection("versions");
        Objects = _database.GetCollection("objects");
        State = _database.GetCollection("state");
        Write(() => Versions.EnsureIndex("key", "$.key"));
    }

    public ILiteCollection<BsonDocument> Versions { get; }

    public ILiteCollection<BsonDocument> Objects { get; }

    public ILiteCollection<BsonDocument> State { get; }

    /// <summary>Reads one state of all collections. What it returns must be read out.</summary>
    public T Read<T>(Func<T> read)
    {
        _lock.EnterReadLock();
        try
        {
            RefuseAfterFailure();
            return Guarded(read);
        }
        finally
        {
            _lock.ExitReadLock();
        }
    }

    /// <summary>
    /// Runs a transaction. When this returns, its changes are on disk; when it throws <see cref="StoreUnavailableException"/>, there are none. After a sync
    /// that failed nobody knows what is on disk, as the kernel may have dropped the pages: nothing is read or written any more until the file is opened anew.
    /// </summary>
    public void Write(Action write)
    {
        _lock.EnterWriteLock();
        try
        {
            RefuseAfterFailure();
            Guarded(() =>
            {
                _database.BeginTrans();
                try
                {
                    write();
                    return _database.Commit();
                }
                catch
                {
                    _database.Rollback();
                    throw;
                }
            });
            try
            {
                SyncLog();
            }
            catch (StoreUnavailableException failure)
            {
                _failure = failure;
                throw;
            }
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    /// <summary>Puts the log into the data file and empties it.</summary>
    public void Checkpoint()
    {
        _lock.EnterWriteLock();
        try
        {
            Guarded(() =>
            {
                _database.Checkpoint();
                return true;
            });
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    public long ReadState(string name) => State.FindById(name)?["value"].AsInt64 ?? 1;

    public void WriteState(string name, long value) => State.Upsert(new BsonDocument { ["_id"] = name, ["value"] = value });

    public void Dispose()
    {
        _database.Dispose();
        _log?.Dispose();
        _lock.Dispose();
    }

    private void RefuseAfterFailure()
    {
        if (_failure is { } failure)
        {
            throw new StoreUnavailableException($"{failure.Message} (restart the API server when its cause is mended)", failure);
        }
    }

    private void SyncLog() => Guarded(() =>
    {
        // A transaction that changed nothing makes no log.
        _log ??= File.Exists(_logPath) ? File.OpenHandle(_logPath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete) : null;
        if (_log is null)
        {
            return false;
        }

        RandomAccess.FlushToDisk(_log);
        if (RandomAccess.GetLength(_log) > LargestLog)
        {
            _database.Checkpoint();
        }

        return true;
    });

    private static T Guarded<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception cause) when (cause is LiteException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            throw new StoreUnavailableException($"the database failed: {cause.Message}", cause);
        }
    }
}
