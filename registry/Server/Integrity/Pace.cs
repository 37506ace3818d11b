namespace AiModels.Registry.Integrity;

/// <summary>Bounds a rate: whoever spends too fast waits. What was not spent is not saved up.</summary>
internal sealed class Pace(long bytesPerSecond, TimeProvider clock)
{
    // Timers are not more exact than this; shorter waits are added to the next.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(20);

    private long _began = clock.GetTimestamp();
    private long _spent;

    public async ValueTask SpendAsync(long bytes, CancellationToken cancellationToken)
    {
        _spent += bytes;
        TimeSpan due = TimeSpan.FromSeconds((double)_spent / bytesPerSecond);
        TimeSpan ahead = due - clock.GetElapsedTime(_began);
        if (ahead > Shortest)
        {
            await Task.Delay(ahead, clock, cancellationToken);
        }

        if (due > TimeSpan.FromSeconds(1))
        {
            (_began, _spent) = (clock.GetTimestamp(), 0);
        }
    }
}
