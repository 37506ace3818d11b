using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.EtcdStore;
using AiModels.Hosting;

namespace AiModels.ApiServer.Storage;

/// <summary>The engines by the names that <c>--storage</c> knows.</summary>
internal static class StorageEngines
{
    public const string Sqlite = "sqlite";
    public const string Etcd = "etcd";
    public const string LiteDb = "litedb";

    /// <summary>Whether several replicas may have the store open: what one process remembers of it may then be outdated by another.</summary>
    public static bool IsShared(string engine) => engine == Etcd;

    /// <summary>What is wrong with the storage options, as sentences.</summary>
    public static IEnumerable<string> Validate(ApiServerOptions options)
    {
        if (WhyNot(options.Storage) is { } reason)
        {
            yield return $"--storage: {reason}";
        }

        if (options.Storage != Etcd)
        {
            yield break;
        }

        foreach (string error in EtcdSettings.Validate(options))
        {
            yield return error;
        }

        if (options.EtcdCompactionInterval < TimeSpan.Zero)
        {
            yield return "--etcd-compaction-interval must not be negative";
        }
    }

    /// <summary>Why an engine cannot be used; null when it can.</summary>
    public static string? WhyNot(string engine) => engine switch
    {
        Sqlite or Etcd => null,
#if WITH_LITEDB
        LiteDb => null,
#else
        LiteDb => "'litedb' is not built into this version (build it with -p:WithLiteDb=true); use sqlite or etcd",
#endif
        _ => $"'{engine}' is no engine; use sqlite, etcd or litedb",
    };

    /// <summary>Registers the engine that the options name.</summary>
    public static IServiceCollection AddObjectStore(this IServiceCollection services, ApiServerOptions options)
    {
        services.AddSingleton(new ValueCache(options.ListCacheSize));
        services.AddSingleton<ISpareMemory, SpareValues>();
        return options.Storage == Etcd
            ? services.AddEtcdObjectStore(EtcdSettings.Of(options, options.EtcdCompactionInterval))
            : services.AddSingleton(provider => OpenEmbedded(
                options.Storage, PathIn(options.Storage, options.DataDir), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ValueCache>()));
    }

    /// <summary>Where an embedded engine keeps its file.</summary>
    public static string PathIn(string engine, string folder) => Path.Combine(folder, engine == LiteDb ? "objects.litedb" : "objects.db");

    /// <summary>Opens an embedded engine; the file is made when missing.</summary>
    public static IObjectStore OpenEmbedded(string engine, string path, TimeProvider time, ValueCache? values = null) => engine switch
    {
        Sqlite => new SqliteObjectStore(new SqliteStoreOptions { Path = path }, time, values),
#if WITH_LITEDB
        LiteDb => new LiteDbStore.LiteDbObjectStore(new LiteDbStore.LiteDbStoreOptions { Path = path }, time),
#endif
        _ => throw new ArgumentException($"'{engine}' is no embedded engine.", nameof(engine)),
    };
}
