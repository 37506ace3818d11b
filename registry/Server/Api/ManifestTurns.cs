namespace AiModels.Registry.Api;

/// <summary>
/// Turns for pushes of large manifests. Reading a manifest takes up to ten times its own memory, and those of 4 MiB, all at once, would be the end of the process; small
/// ones, which nearly all are, wait for nobody.
/// </summary>
internal sealed class ManifestTurns(TimeProvider clock) : IDisposable
{
    // The manifest of a thousand chunks: 16 GiB of model.
    private const long Large = 256 * 1024;

    // About 40 MiB each, at worst.
    private const int AtOnce = 3;

    /// <summary>Whoever has a turn must be done with sending by then: 4 MiB at 140 KB/s.</summary>
    public static readonly TimeSpan LongestBody = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _free = new(AtOnce, AtOnce);

    /// <summary>Waits for the turn of a manifest of this many bytes; null when the client does not say.</summary>
    public async ValueTask<Turn> EnterAsync(long? length, CancellationToken cancellationToken)
    {
        if (length <= Large)
        {
            return new Turn(null, null, cancellationToken);
        }

        await _free.WaitAsync(cancellationToken);
        return new Turn(_free, clock, cancellationToken);
    }

    public void Dispose() => _free.Dispose();

    /// <summary>A turn, until it is disposed.</summary>
    internal sealed class Turn : IDisposable
    {
        private readonly SemaphoreSlim? _held;
        private readonly CancellationTokenSource _limit;
        private readonly CancellationTokenSource _body;

        public Turn(SemaphoreSlim? held, TimeProvider? clock, CancellationToken aborted)
        {
            _held = held;
            _limit = clock is null ? new CancellationTokenSource() : new CancellationTokenSource(LongestBody, clock);
            _body = CancellationTokenSource.CreateLinkedTokenSource(aborted, _limit.Token);
        }

        /// <summary>Cancelled when the client is gone, or too slow for somebody who keeps others waiting.</summary>
        public CancellationToken Body => _body.Token;

        /// <summary>Whether it was too slow.</summary>
        public bool IsOver => _limit.IsCancellationRequested;

        public void Dispose()
        {
            _body.Dispose();
            _limit.Dispose();
            _held?.Release();
        }
    }
}
