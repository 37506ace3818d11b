using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver;

/// <summary>
/// One operation at a time per volume and per target. A second one is refused with Aborted instead of queued, as the CSI specification advises
/// ("Concurrency"): the caller repeats it, and no pile of waiting calls grows behind a slow one.
/// </summary>
internal sealed class VolumeLocks
{
    private readonly HashSet<string> _held = new(StringComparer.Ordinal);

    /// <summary>Takes the lock of a volume; dispose the result to give it back.</summary>
    public IDisposable Acquire(string volumeId) => Acquire("volume", volumeId);

    /// <summary>Takes the lock of a place: two volumes that are told to be mounted there at once would lie one on the other.</summary>
    public IDisposable AcquireTarget(string targetPath) => Acquire("target_path", targetPath);

    private Held Acquire(string what, string name)
    {
        string key = $"{what} {name}";
        lock (_held)
        {
            if (!_held.Add(key))
            {
                throw new RpcException(RpcCode.Aborted, $"another operation on {key} is under way");
            }
        }

        return new Held(this, key);
    }

    private sealed class Held(VolumeLocks owner, string key) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._held)
            {
                owner._held.Remove(key);
            }
        }
    }
}
