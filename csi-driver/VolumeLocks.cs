using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver;

/// <summary>
/// One operation at a time per volume. A second one is refused with Aborted instead of queued, as the CSI specification advises
/// ("Concurrency"): the caller repeats it, and no pile of waiting calls grows behind a slow one.
/// </summary>
internal sealed class VolumeLocks
{
    private readonly HashSet<string> _held = new(StringComparer.Ordinal);

    /// <summary>Takes the lock of a volume; dispose the result to give it back.</summary>
    public IDisposable Acquire(string volumeId)
    {
        lock (_held)
        {
            if (!_held.Add(volumeId))
            {
                throw new RpcException(RpcCode.Aborted, $"another operation on volume {volumeId} is under way");
            }
        }

        return new Held(this, volumeId);
    }

    private sealed class Held(VolumeLocks owner, string volumeId) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._held)
            {
                owner._held.Remove(volumeId);
            }
        }
    }
}
