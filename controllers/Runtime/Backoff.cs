namespace AiModels.Controllers.Runtime;

/// <summary>
/// Delays for repeated failures of a key: doubled each time from <paramref name="first"/> up to <paramref name="limit"/>,
/// and spread by jitter (the upper half of the delay is random) so that many keys that failed together do not come back together.
/// Thread-safe.
/// </summary>
internal sealed class Backoff<TKey>(TimeSpan first, TimeSpan limit, Random random)
    where TKey : notnull
{
    private readonly Dictionary<TKey, int> _failures = [];

    /// <summary>Counts one more failure and tells how long to wait.</summary>
    public TimeSpan Next(TKey key)
    {
        lock (_failures)
        {
            int failures = _failures.GetValueOrDefault(key);
            _failures[key] = failures + 1;

            // 2^30 times any delay is beyond every limit; a larger exponent would overflow.
            double ticks = Math.Min(limit.Ticks, first.Ticks * Math.Pow(2, Math.Min(failures, 30)));
            return TimeSpan.FromTicks((long)(ticks * (0.5 + (random.NextDouble() / 2))));
        }
    }

    /// <summary>How often the key failed in a row.</summary>
    public int FailuresOf(TKey key)
    {
        lock (_failures)
        {
            return _failures.GetValueOrDefault(key);
        }
    }

    /// <summary>The key worked: the next failure starts from the beginning.</summary>
    public void Forget(TKey key)
    {
        lock (_failures)
        {
            _failures.Remove(key);
        }
    }
}
