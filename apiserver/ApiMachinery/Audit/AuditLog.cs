using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using AiModels.ApiMachinery.Resources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiMachinery.Audit;

/// <summary>
/// Writes audit events as JSON lines on a task of its own: no request waits for the disk. What cannot be kept is never lost silently: it is counted in
/// <c>apiserver_audit_error_total</c>, logged, and told in the file by the next line that can be written.
/// </summary>
internal sealed partial class AuditLog : IHostedLifecycleService, IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly Channel<JsonObject> _events;
    private readonly AuditFile _file;
    private readonly TimeProvider _time;
    private readonly ILogger<AuditLog> _log;
    private readonly Counter<long> _written;
    private readonly Counter<long> _failed;
    private readonly CancellationTokenSource _stopped = new();
    private Task _writing = Task.CompletedTask;
    private long _lost;
    private bool _isDisposed;

    public AuditLog(AuditOptions options, IMeterFactory meters, TimeProvider time, ILogger<AuditLog> log)
    {
        (_time, _log) = (time, log);
        _file = new AuditFile(options, time);
        _events = Channel.CreateBounded<JsonObject>(new BoundedChannelOptions(options.Capacity) { SingleReader = true });
        Meter meter = meters.Create(ApiMachineryMetrics.MeterName);
        _written = meter.CreateCounter<long>("apiserver_audit_event_total", "{event}", "Audit events written.");
        _failed = meter.CreateCounter<long>("apiserver_audit_error_total", "{event}", "Audit events that could not be written.");
    }

    /// <summary>Hands an event over. Never waits.</summary>
    public void Add(JsonObject @event)
    {
        if (!_events.Writer.TryWrite(@event))
        {
            Lose(1);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _writing = Task.Run(WriteAllAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    // After the last request: its event is to be written too.
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        _events.Writer.TryComplete();
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stopped.CancelAsync();
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The container knows it as two services, and disposes of each.
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _events.Writer.TryComplete();
        _stopped.Cancel();
        _stopped.Dispose();
        _file.Dispose();
    }

    private async Task WriteAllAsync()
    {
        while (await _events.Reader.WaitToReadAsync())
        {
            int taken = 0;
            try
            {
                if (Interlocked.Exchange(ref _lost, 0) is > 0 and long lost)
                {
                    _file.Write(ObjectBytes.ToBody(AuditEvent.Lost(lost, _time.GetUtcNow()), isPretty: false));
                }

                while (_events.Reader.TryRead(out JsonObject? next))
                {
                    taken++;
                    _file.Write(ObjectBytes.ToBody(next, isPretty: false));
                }

                _file.Flush();
                _written.Add(taken);
            }
            catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
            {
                // A full disk may have room again later; until then requests go on and their events are counted.
                Log.Failed(_log, cause.Message);
                _file.Dispose();
                Lose(taken);
                await Task.Delay(RetryAfter, _time, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Lose(int events)
    {
        _failed.Add(events);
        if (Interlocked.Add(ref _lost, events) == events)
        {
            Log.Losing(_log);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The audit log cannot be written: {Reason}")]
        public static partial void Failed(ILogger log, string reason);

        [LoggerMessage(2, LogLevel.Error, "Audit events are being lost: the audit log is written too slowly or not at all")]
        public static partial void Losing(ILogger log);
    }
}
