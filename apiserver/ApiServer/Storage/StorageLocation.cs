using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.ApiServer.Storage;

/// <summary>A store as the command line names it: <c>etcd</c>, or an embedded engine and its folder, <c>sqlite:DIR</c>.</summary>
internal static class StorageLocation
{
    /// <summary>What is wrong with it, as a sentence; null when nothing is.</summary>
    public static string? Problem(string option, string location)
    {
        (string engine, string folder) = Split(location);
        return StorageEngines.WhyNot(engine) is { } reason ? $"{option}: {reason}"
            : engine == StorageEngines.Etcd ? (folder.Length > 0 ? $"{option}: '{location}': etcd's address is given by --etcd-servers; write etcd" : null)
            : folder.Length == 0 ? $"{option}: '{location}' names no folder; want {engine}:DATA-DIR"
            : null;
    }

    /// <summary>Opens it. An embedded store that is to be read must be there.</summary>
    public static IObjectStore Open(string location, bool mustExist, EtcdOptions etcd, TimeProvider time)
    {
        (string engine, string folder) = Split(location);
        if (engine == StorageEngines.Etcd)
        {
            return new EtcdObjectStore(EtcdSettings.Of(etcd, compactionInterval: TimeSpan.Zero), time, NullLogger<EtcdObjectStore>.Instance);
        }

        string path = StorageEngines.PathIn(engine, folder);
        return !mustExist || File.Exists(path)
            ? StorageEngines.OpenEmbedded(engine, path, time)
            : throw new StoreUnavailableException($"there is no database '{path}'");
    }

    private static (string Engine, string Folder) Split(string location) =>
        location.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? (location[..colon], location[(colon + 1)..]) : (location, "");
}
