using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Progress;

/// <summary>The progress of one model: the newest report of its preparation, and the newest of each consumer. Thread-safe.</summary>
internal sealed class ProgressEntry
{
    // Percent of the whole way: packing and sealing by the controllers are the rest, as in status.progress.
    private const int ReceivingShare = 90;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (ConsumerProgress Progress, DateTimeOffset At)> _consumers = new(StringComparer.Ordinal);
    private ModelProgress? _preparation;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _watchers;
    private DateTimeOffset _receivedAt;
    private long _receivedBytes;

    /// <summary>Ends with the next change.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>Whether somebody watches; then the entry must stay where it is.</summary>
    public bool IsWatched => Volatile.Read(ref _watchers) > 0;

    public void AddWatcher() => Interlocked.Increment(ref _watchers);

    public void RemoveWatcher() => Interlocked.Decrement(ref _watchers);

    public void Merge(ModelProgress report, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (report.Stage is not null || report.BytesReceived is not null || report.Layers is not null)
            {
                // Who has not counted yet does not say that nothing is there.
                _preparation = report with
                {
                    Consumers = null,
                    ReportedAt = report.ReportedAt < now ? report.ReportedAt : now, // a clock that runs ahead must not keep it fresh for ever
                    BytesExpected = report.BytesExpected ?? _preparation?.BytesExpected,
                    BytesReceived = report.BytesReceived ?? _preparation?.BytesReceived,
                    BytesStored = report.BytesStored ?? _preparation?.BytesStored,
                    Layers = report.Layers ?? _preparation?.Layers,
                };
            }

            foreach (ConsumerProgress consumer in report.Consumers ?? [])
            {
                _consumers[consumer.Name] = (consumer, now);
            }

            Signal();
        }
    }

    /// <summary>Notes received bytes. Answers the report that came of it; null when the previous one is young enough.</summary>
    public ModelProgress? Received(UploadRecord upload, long received, long stored, TimeProvider time, TimeSpan interval)
    {
        DateTimeOffset now = time.GetUtcNow();
        lock (_lock)
        {
            TimeSpan since = now - _receivedAt;
            bool isEnd = received == upload.LengthBytes;
            if (since < interval && !isEnd && received >= _receivedBytes)
            {
                return null;
            }

            // Over one interval; a pause or a new attempt has no rate.
            bool hasRate = since < TimeSpan.FromSeconds(5) && received > _receivedBytes && since > TimeSpan.Zero;
            long? rate = hasRate ? (long)((received - _receivedBytes) / since.TotalSeconds) : _preparation?.BytesPerSecond;
            (_receivedAt, _receivedBytes) = (now, received);
            _preparation = new ModelProgress
            {
                Stage = "Receive",
                Progress = upload.LengthBytes is > 0 and { } length ? $"{received * ReceivingShare / length}%" : null,
                BytesExpected = upload.LengthBytes,
                BytesReceived = received,
                BytesStored = stored,
                BytesPerSecond = rate,
                SecondsRemaining = rate > 0 && upload.LengthBytes is { } all ? (all - received) / rate : null,
                ReportedAt = now,
                Layers = upload.FileName is { } name
                    ? [new LayerProgress { Path = name, State = isEnd ? "Stored" : "Receiving", BytesExpected = upload.LengthBytes, BytesReceived = received }]
                    : null,
            };
            Signal();
            return _preparation;
        }
    }

    /// <summary>Everything reported since <paramref name="oldest"/>, or null when there is nothing.</summary>
    public ModelProgress? Snapshot(DateTimeOffset oldest)
    {
        lock (_lock)
        {
            ModelProgress? preparation = _preparation?.ReportedAt > oldest ? _preparation : null;
            ConsumerProgress[] consumers =
                [.. _consumers.Values.Where(consumer => consumer.At > oldest).Select(consumer => consumer.Progress).OrderBy(consumer => consumer.Name, StringComparer.Ordinal)];
            return preparation is null && consumers.Length == 0
                ? null
                : (preparation ?? new ModelProgress()) with { Consumers = consumers.Length > 0 ? consumers : null };
        }
    }

    private void Signal()
    {
        _changed.SetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
