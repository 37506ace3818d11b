using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace AiModels.ApiMachinery.Storage.Sqlite;

/// <summary>
/// Chooses the native SQLite: the system's (libsqlite3.so.0, patched by the distribution) where there is one, else the one that comes with the package.
/// </summary>
internal static class SqliteLibrary
{
    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library once. Returns its version.</summary>
    public static string Ensure() => Loaded.Value;

    private static string Load()
    {
        Assembly provider = typeof(SQLite3Provider_e_sqlite3).Assembly;
        NativeLibrary.SetDllImportResolver(provider, static (name, assembly, path) =>
            NativeLibrary.TryLoad("libsqlite3.so.0", out nint system) ? system : NativeLibrary.Load(name, assembly, path));
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        return raw.sqlite3_libversion().utf8_to_string();
    }
}
