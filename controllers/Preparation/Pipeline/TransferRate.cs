namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>Bytes a second over the last ten seconds: long enough to be calm, short enough to be true. Not thread-safe.</summary>
internal sealed class TransferRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Queue<(long Timestamp, long Total)> _samples = [];

    /// <summary>Notes how many bytes there are in all by now.</summary>
    public void Sample(long total)
    {
        long now = time.GetTimestamp();
        _samples.Enqueue((now, total));

        // One sample from before the window stays: the rate is measured from it.
        while (_samples.Count > 2 && time.GetElapsedTime(_samples.ElementAt(1).Timestamp, now) >= Window)
        {
            _samples.Dequeue();
        }
    }

    /// <summary>What was measured before says nothing of what comes now.</summary>
    public void Restart() => _samples.Clear();

    /// <summary>Null until there is something to measure.</summary>
    public long? BytesPerSecond
    {
        get
        {
            if (_samples.Count < 2)
            {
                return null;
            }

            (long first, long firstTotal) = _samples.Peek();
            (long last, long lastTotal) = _samples.Last();
            double seconds = time.GetElapsedTime(first, last).TotalSeconds;
            return seconds > 0 ? (long)Math.Max(0, (lastTotal - firstTotal) / seconds) : null;
        }
    }
}
