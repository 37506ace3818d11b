namespace AiModels.TestKit;

/// <summary>Waits for a condition instead of for time.</summary>
public static class Eventually
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    /// <summary>Asks until the answer is accepted. Throws with the last answer when time is up.</summary>
    public static async Task<T> GetAsync<T>(Func<Task<T>> ask, Func<T, bool> accept, string what, CancellationToken cancellationToken, int seconds = 60)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        T last = await ask();
        while (!accept(last))
        {
            if (deadline.IsCancellationRequested) throw new TimeoutException($"not within {seconds} s: {what}; last: {last}");
            await Task.Delay(Period, TimeProvider.System, cancellationToken);
            last = await ask();
        }

        return last;
    }
}
