using SQLitePCL;

namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// One connection: opened with the pragmas of the store, used by one thread at a time.
/// Every failure becomes a <see cref="StoreUnavailableException"/> with SQLite's own words.
/// </summary>
internal sealed class SqliteDatabase : IDisposable
{
    /// <summary>8 KiB: most objects of 3 KB fit without overflow pages, two to a page.</summary>
    public const int PageSize = 8192;

    private readonly sqlite3 _handle;
    private readonly List<SqliteStatement> _statements = [];

    private SqliteDatabase(sqlite3 handle) => _handle = handle;

    /// <summary>Opens or makes the database for the one writer.</summary>
    public static SqliteDatabase OpenWriter(string path) => Open(path, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE, $"""
        PRAGMA page_size = {PageSize};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 2000;
        PRAGMA journal_size_limit = 67108864;
        PRAGMA cache_size = -16384;
        PRAGMA foreign_keys = OFF;
        """);

    /// <summary>Opens an existing database for reading.</summary>
    public static SqliteDatabase OpenReader(string path) => Open(path, raw.SQLITE_OPEN_READWRITE, """
        PRAGMA query_only = ON;
        PRAGMA cache_size = -4096;
        """);

    /// <summary>Runs statements that give no rows.</summary>
    public void Execute(string sql)
    {
        int code = raw.sqlite3_exec(_handle, sql);
        Check(code);
    }

    /// <summary>Prepares a statement that lives as long as the connection.</summary>
    public SqliteStatement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v3(_handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt statement));
        var prepared = new SqliteStatement(this, statement);
        _statements.Add(prepared);
        return prepared;
    }

    /// <summary>Ends an open transaction without its changes; nothing when there is none.</summary>
    public void RollbackIfOpen()
    {
        // A failed commit may have rolled back by itself already; autocommit tells.
        if (raw.sqlite3_get_autocommit(_handle) == 0)
        {
            Execute("ROLLBACK");
        }
    }

    /// <summary>Throws unless the code is a success.</summary>
    public void Check(int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            int extended = raw.sqlite3_extended_errcode(_handle);
            throw new StoreUnavailableException($"the database failed: {raw.sqlite3_errmsg(_handle).utf8_to_string()} (SQLite code {extended})");
        }
    }

    public void Dispose()
    {
        foreach (SqliteStatement statement in _statements)
        {
            statement.Dispose();
        }

        raw.sqlite3_close_v2(_handle);
    }

    private static SqliteDatabase Open(string path, int flags, string pragmas)
    {
        SqliteLibrary.Ensure();

        // NOMUTEX: the store never uses one connection from two threads at once.
        int code = raw.sqlite3_open_v2(path, out sqlite3 handle, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        if (code != raw.SQLITE_OK)
        {
            string reason = raw.sqlite3_errstr(code).utf8_to_string();
            handle?.Dispose();
            throw new StoreUnavailableException($"cannot open the database '{path}': {reason}");
        }

        var database = new SqliteDatabase(handle);
        try
        {
            raw.sqlite3_busy_timeout(handle, 5000);
            database.Execute(pragmas);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }
}
