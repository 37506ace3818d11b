using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Registry;

/// <summary>Opens the grant key at start, so that the registry knows its public half before the first grant; a store that is not there yet is waited for.</summary>
internal sealed class GrantKeyPublisher(GrantKeyring keyring, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!await TryAsync(stoppingToken))
        {
            await Task.Delay(Pause, time, stoppingToken);
        }
    }

    private async Task<bool> TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            await keyring.SignerAsync(cancellationToken);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false; // readiness tells of it
        }
    }
}
