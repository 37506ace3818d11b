namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// The tables, in the manner of etcd and kine: an append-only log of versions, and an index of the current one of every key.
/// <code>
/// versions  revision (rowid) | key | kind | previous revision of the key | value     every change since the last compaction, and all current objects
/// objects   key | revision                                                          what is current
/// state     name | value                                                            'compacted': history before this revision is gone
/// </code>
/// Keys compare as bytes (BINARY collation). The value is the last column, so that scans of the log do not touch it.
/// The newest revision is the greatest rowid of the log: compaction always keeps that row.
/// </summary>
internal static class SqliteSchema
{
    public const string Create = """
        CREATE TABLE IF NOT EXISTS versions (
            revision INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            kind INTEGER NOT NULL,
            previous INTEGER,
            value BLOB
        );
        CREATE INDEX IF NOT EXISTS versions_by_key ON versions (key, revision);
        CREATE TABLE IF NOT EXISTS objects (
            key TEXT PRIMARY KEY,
            revision INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS state (
            name TEXT PRIMARY KEY,
            value INTEGER NOT NULL
        ) WITHOUT ROWID;
        INSERT OR IGNORE INTO state VALUES ('compacted', 1);
        """;

    /// <summary>Newest revision; 1 when nothing was ever written.</summary>
    public const string SelectRevision = "SELECT coalesce(max(revision), 1) FROM versions";

    public const string SelectCompacted = "SELECT value FROM state WHERE name = 'compacted'";

    /// <summary>First key that is not under the prefix: keys under it start with the prefix, which ends with a slash.</summary>
    public static string EndOf(string prefix) => prefix.Length > 0 && prefix[^1] == '/'
        ? string.Concat(prefix.AsSpan(0, prefix.Length - 1), "0")   // '0' follows '/'
        : throw new ArgumentException($"A key prefix ends with a slash; '{prefix}' does not.", nameof(prefix));
}
