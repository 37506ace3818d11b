using AiModels.ModelPack.Client;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Room in the registry for what an upload announces, kept before its bytes move (requirement P9). It comes back when the upload is complete, aborted or
/// expired, and by itself when nothing has come for as long as a session lives.
/// </summary>
internal sealed partial class UploadRoom(RegistryClient registry, UploadOptions options, TimeProvider time, ILogger<UploadRoom> log)
{
    // A limit changes with a restart of the registry; asking for every PATCH would be a request more for each.
    private static readonly TimeSpan LimitLifetime = TimeSpan.FromSeconds(10);

    private (bool IsLimited, DateTimeOffset At) _limit = (false, DateTimeOffset.MinValue);

    /// <summary>Whether an upload must announce its length: room can only be kept for a length that is known.</summary>
    public async ValueTask<bool> IsLengthRequiredAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        if (options.RequireLength)
        {
            return true;
        }

        (bool isLimited, DateTimeOffset at) = _limit;
        if (time.GetUtcNow() - at > LimitLifetime)
        {
            isLimited = await TranslatedAsync(() => registry.Capacity.LimitAsync(record.Repository, cancellationToken)) is not null;
            _limit = (isLimited, time.GetUtcNow());
        }

        return isLimited;
    }

    /// <summary>Keeps room for what is still to come. 507 when there is none.</summary>
    public async ValueTask ReserveAsync(UploadRecord record, long offset, CancellationToken cancellationToken)
    {
        if (record.LengthBytes is not { } length)
        {
            return;
        }

        var request = new CapacityRequest
        {
            Holder = HolderOf(record),
            Bytes = Math.Max(0, length - offset),
            LifetimeSeconds = Math.Clamp((long)options.Lifetime.TotalSeconds + 60, 60, 86_400),
            Owner = new CapacityOwner(record.Plural == "clustermodels" ? "ClusterModel" : "Model", record.Namespace, record.Name),
        };
        await TranslatedAsync(async () =>
        {
            await registry.Capacity.ReserveAsync(record.Repository, request, cancellationToken);
            return true;
        });
    }

    /// <summary>Gives back what is left. Whoever needs room in the repository next, preparation, keeps its own.</summary>
    public async ValueTask ReleaseAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        try
        {
            await registry.Capacity.ReleaseAsync(record.Repository, HolderOf(record), cancellationToken);
        }
        catch (Exception failure) when (failure is RegistryException or HttpRequestException or TimeoutException)
        {
            // The upload has ended, which this must not undo; the room comes back when the reservation lapses.
            Log.NotReleased(log, record.Repository, failure.Message);
        }
    }

    // A new session or a new beginning is another holder: what it announces is still to come in full.
    private static string HolderOf(UploadRecord record) => $"upload/{record.SessionId}/{record.Attempt}";

    private static async ValueTask<T> TranslatedAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RegistryException refused) when (refused.IsInsufficientStorage)
        {
            throw UploadErrors.NoRoom(refused.Detail);
        }
        catch (Exception failure) when (failure is RegistryException or HttpRequestException or TimeoutException)
        {
            throw UploadErrors.RegistryUnavailable();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The room that an upload into {Repository} had comes back only when its reservation lapses: {Reason}")]
        public static partial void NotReleased(ILogger log, string repository, string reason);
    }
}
