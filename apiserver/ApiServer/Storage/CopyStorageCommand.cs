using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Storage;

/// <summary><c>apiserver copy-storage --from STORE --to STORE</c>. The servers must be stopped: what is written meanwhile is not copied.</summary>
internal static class CopyStorageCommand
{
    public static async Task<int> RunAsync(CopyStorageOptions options, CancellationToken stop)
    {
        try
        {
            await using IObjectStore source = StorageLocation.Open(options.From, mustExist: true, options, TimeProvider.System);
            await using IObjectStore target = StorageLocation.Open(options.To, mustExist: false, options, TimeProvider.System);
            await new StorageCopy(source, target, Console.Out).RunAsync(stop);
            return 0;
        }
        catch (Exception cause) when (cause is StorageCopyException or StoreUnavailableException or RevisionCompactedException or ValueTooLargeException or IOException)
        {
            await Console.Error.WriteLineAsync($"apiserver copy-storage: {cause.Message}");
            return 1;
        }
    }
}
