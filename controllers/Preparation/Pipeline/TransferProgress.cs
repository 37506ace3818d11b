using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Chunking;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>How far a preparation is: written by the stages, read by those who report it. Thread-safe.</summary>
internal sealed class TransferProgress(TimeProvider time)
{
    // A report that lists ten thousand files is nobody's; the ones at work are always among those listed.
    private const int ListedFiles = 200;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, FileProgress> _files = [];
    private readonly TransferRate _rate = new(time);
    private long? _expected;
    private long _received;
    private long _committed;
    private long _stored;
    private double _mostFraction;
    private long _advancedAt = time.GetTimestamp();

    /// <summary>Name of the stage at work.</summary>
    public string Stage { get; private set; } = "Waiting";

    /// <summary>Whether a stage has been entered: before that there is nothing to report.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The running reason of that stage.</summary>
    public string Reason { get; private set; } = Reasons.PublicationStarted;

    /// <summary>What the source was resolved to; every later attempt uses the same.</summary>
    public ResolvedSource? Source { get; set; }

    /// <summary>
    /// Committed of what is expected, 0 to 1; 0 while nothing is expected yet. Never goes back, over all attempts of this process.
    /// </summary>
    public double Fraction
    {
        get
        {
            lock (_lock)
            {
                double now = _expected is > 0 and var expected ? Math.Min(1, (double)_committed / expected) : 0;
                return _mostFraction = Math.Max(_mostFraction, now);
            }
        }
    }

    /// <summary>How long nothing has been stored: whoever gives up goes by this.</summary>
    public TimeSpan SinceAdvance => time.GetElapsedTime(Interlocked.Read(ref _advancedAt));

    public void Enter(string stage, string reason)
    {
        lock (_lock)
        {
            (Stage, Reason, HasBegun) = (stage, reason, true);
        }
    }

    /// <summary>Which files are to be stored.</summary>
    public void Expect(IEnumerable<(string Path, long Length)> files)
    {
        lock (_lock)
        {
            _files.Clear();
            (_received, _committed, _stored) = (0, 0, 0);
            _rate.Restart();
            foreach ((string path, long length) in files)
            {
                _files[path] = new FileProgress { Expected = length };
            }

            _expected = _files.Values.Sum(file => file.Expected);
        }
    }

    /// <summary>Chunks of a file that an earlier attempt has stored: they need not be received again.</summary>
    public void Resume(string path, IReadOnlyList<ChunkEntry> chunks)
    {
        lock (_lock)
        {
            foreach (ChunkEntry chunk in chunks)
            {
                Count(path, chunk.Length, chunk.StoredLength);
                _received += chunk.Length;
                _files.GetValueOrDefault(path)?.Received += chunk.Length;
            }

            // What was there already is no speed.
            _rate.Restart();
        }
    }

    /// <summary>Bytes of a file that have arrived.</summary>
    public void Receive(string path, long bytes)
    {
        lock (_lock)
        {
            _received += bytes;
            if (_files.TryGetValue(path, out FileProgress? file))
            {
                file.Received += bytes;
                file.State = "Receiving";
            }
        }
    }

    /// <summary>Bytes of a file that are stored for good, and noted.</summary>
    /// <param name="logical">Bytes of the file.</param>
    /// <param name="stored">Bytes they take in the registry.</param>
    public void Commit(string path, long logical, long stored)
    {
        lock (_lock)
        {
            Count(path, logical, stored);
            Interlocked.Exchange(ref _advancedAt, time.GetTimestamp());
        }
    }

    /// <summary>A file is begun anew.</summary>
    public void Restart(string path)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(path, out FileProgress? file))
            {
                _received -= file.Received;
                _committed -= file.Committed;
                _stored -= file.Stored;
                (file.Received, file.Committed, file.Stored, file.State) = (0, 0, 0, "Waiting");
                _rate.Restart();
            }
        }
    }

    /// <summary>The state of now, for the subresource /progress. Counts only once it is known what is to be stored.</summary>
    public ModelProgress Report(string percent)
    {
        lock (_lock)
        {
            _rate.Sample(_received);
            long? rate = _rate.BytesPerSecond;
            return new ModelProgress
            {
                Stage = Stage,
                Progress = percent,
                BytesExpected = _expected,
                BytesReceived = _expected is null ? null : _received,
                BytesStored = _expected is null ? null : _stored,
                BytesPerSecond = rate,
                SecondsRemaining = rate is > 0 && _expected is { } expected ? (expected - _received) / rate : null,
                ReportedAt = time.GetUtcNow(),
                Layers = _expected is null
                    ? null
                    : [.. _files.OrderBy(file => Order(file.Value)).ThenBy(file => file.Key, StringComparer.Ordinal).Take(ListedFiles).Select(Layer)],
            };
        }
    }

    /// <summary>Called under the lock.</summary>
    private void Count(string path, long logical, long stored)
    {
        _committed += logical;
        _stored += stored;
        if (_files.TryGetValue(path, out FileProgress? file))
        {
            file.Committed += logical;
            file.Stored += stored;
            file.State = file.Committed >= file.Expected ? "Stored" : "Receiving";
        }
    }

    private static int Order(FileProgress file) => file.State == "Receiving" ? 0 : 1;

    private static LayerProgress Layer(KeyValuePair<string, FileProgress> file) =>
        new() { Path = file.Key, State = file.Value.State, BytesExpected = file.Value.Expected, BytesReceived = file.Value.Received };

    private sealed class FileProgress
    {
        public required long Expected { get; init; }
        public long Received { get; set; }
        public long Committed { get; set; }
        public long Stored { get; set; }
        public string State { get; set; } = "Waiting";
    }
}
