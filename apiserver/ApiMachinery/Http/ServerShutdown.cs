using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// The end of a server, in upstream's order (k8s.io/apiserver/pkg/server/genericapiserver.go; contract H11, H12): not ready at once, everything served for
/// the delay, then watches end and new requests are refused while those under way are finished; only then do the ports close.
/// </summary>
public sealed class ServerShutdown(IOptions<ApiMachineryOptions> options, TimeProvider time) : IHostedLifecycleService, IDisposable
{
    // Uploads and the like resume; what a kill would cut may be cut after so long.
    private static readonly TimeSpan LongRunningGrace = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _cut = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource? _ordinaryEnded;
    private TaskCompletionSource? _longEnded;
    private int _ordinary;
    private int _long;

    /// <summary>Whether /readyz fails.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Fires when no new request is taken any more and watches are to end.</summary>
    public CancellationToken Draining => _draining.Token;

    /// <summary>Fires when long-running requests have had their time.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Counts a request until disposed.</summary>
    public IDisposable Enter(bool isLongRunning)
    {
        lock (_lock)
        {
            _ = isLongRunning ? _long++ : _ordinary++;
        }

        return new Leaving(this, isLongRunning);
    }

    /// <summary>The whole order, up to the closing of the ports, which is the host's.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        HasBegun = true;
        await Task.Delay(options.Value.ShutdownDelay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _draining.CancelAsync();
        await IdleAsync(isLongRunning: false).WaitAsync(options.Value.RequestTimeout, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await IdleAsync(isLongRunning: true).WaitAsync(LongRunningGrace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _cut.CancelAsync();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _draining.Dispose();
        _cut.Dispose();
    }

    private Task IdleAsync(bool isLongRunning)
    {
        lock (_lock)
        {
            if ((isLongRunning ? _long : _ordinary) == 0)
            {
                return Task.CompletedTask;
            }

            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _ = isLongRunning ? _longEnded = ended : _ordinaryEnded = ended;
            return ended.Task;
        }
    }

    private void Leave(bool isLongRunning)
    {
        lock (_lock)
        {
            if ((isLongRunning ? --_long : --_ordinary) == 0)
            {
                (isLongRunning ? _longEnded : _ordinaryEnded)?.TrySetResult();
            }
        }
    }

    private sealed class Leaving(ServerShutdown shutdown, bool isLongRunning) : IDisposable
    {
        public void Dispose() => shutdown.Leave(isLongRunning);
    }
}
