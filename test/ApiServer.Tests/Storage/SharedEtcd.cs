using AiModels.EtcdStore;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>One etcd for all tests that need nothing special of it; each has its own prefix.</summary>
[TestClass]
public static class SharedEtcd
{
    private static readonly Lazy<Task<RunningEtcd>> Running = new(() => RunningEtcd.StartAsync());

    public static Task<RunningEtcd> GetAsync() => Running.Value;

    /// <summary>A prefix that nobody has used.</summary>
    public static string NewPrefix() => $"/test-{Guid.NewGuid():N}";

    public static EtcdObjectStore Open(
        IReadOnlyList<Uri> servers, string prefix, int watchEvents = 8192, TimeSpan? patience = null, TimeSpan compaction = default, TimeProvider? time = null) => new(
        new EtcdStoreOptions
        {
            Servers = servers,
            Prefix = prefix,
            WatchEvents = watchEvents,
            CompactionInterval = compaction,
            Patience = patience ?? TimeSpan.FromSeconds(30),
        },
        time ?? TimeProvider.System,
        NullLogger<EtcdObjectStore>.Instance);

    [AssemblyCleanup]
    public static async Task StopAsync()
    {
        if (Running.IsValueCreated)
        {
            await (await Running.Value).DisposeAsync();
        }
    }
}
