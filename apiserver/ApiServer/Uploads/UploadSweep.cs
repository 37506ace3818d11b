using AiModels.ApiMachinery.Resources;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Client;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// At start and once a minute: sessions whose time is over expire, uploads that were killed before their last step are finished, changes that
/// were never told are told, and sessions of models that are gone are forgotten.
/// </summary>
internal sealed partial class UploadSweep(
    UploadJournal journal, UploadSessions sessions, UploadReceiver receiver, UploadAnnouncer announcer, ActiveUploads active, ParkedTransfers parked, UploadClaims claims,
    RegistryClient registry, IServiceProvider services, TimeProvider time, ILogger<UploadSweep> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception cause) when (cause is not OperationCanceledException)
            {
                // A store or registry that is away: the next round does the same again.
                Log.Failed(log, cause.Message);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>One round.</summary>
    internal async Task SweepAsync(CancellationToken cancellationToken)
    {
        foreach (StoredUpload upload in await journal.ListAsync(cancellationToken))
        {
            if (claims.IsHeldElsewhere(upload.Record))
            {
                continue; // another replica looks after it
            }

            if (!await ExistsAsync(upload.Record, cancellationToken))
            {
                await ForgetAsync(upload.Record, cancellationToken);
            }
            else if (!active.IsActive(upload.Record.Uid) && await sessions.FindAsync(upload.Record.Uid, cancellationToken) is { } current)
            {
                await announcer.AnnounceAsync(await receiver.FinishIfCompleteAsync(current, cancellationToken), cancellationToken);
            }
        }
    }

    // Bytes may still have been on their way when the model's content was cleaned up: what they left in the repository goes now, before the session that tells of it.
    private async Task ForgetAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        using ActiveUploads.Lease lease = await active.EnterAsync(record.Uid, cancellationToken);
        await parked.DropAsync(record.Uid);
        await registry.DeleteRepositoryAsync(record.Repository, cancellationToken);
        if (await journal.FindAsync(record.Uid, cancellationToken) is { } last)
        {
            await journal.DeleteAsync(last, cancellationToken);
        }
    }

    private async Task<bool> ExistsAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        ResourceStore models = services.GetRequiredService<ResourceRegistry>().StoreOf(GroupVersion.Group, record.Plural);
        return await models.FindAsync(record.Namespace, record.Name, cancellationToken) is { } model
            && UploadSessions.UidOf(model.ToJson()) == record.Uid;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Upload sessions could not be looked after: {Reason}")]
        public static partial void Failed(ILogger log, string reason);
    }
}
