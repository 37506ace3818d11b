using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Waits for a revision that a client has seen elsewhere and this store has not reached (contract L9).</summary>
internal static class RevisionWait
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    public static async ValueTask UntilAsync(IObjectStore store, long revision, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        while (true)
        {
            long current = await store.GetRevisionAsync(cancellationToken);
            if (current >= revision)
            {
                return;
            }

            if (time.GetElapsedTime(started) >= patience)
            {
                throw ApiError.ResourceVersionTooLarge(revision, current);
            }

            await Task.Delay(Step, time, cancellationToken);
        }
    }
}
