using System.Buffers;
using System.Runtime.ExceptionServices;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// Bytes of one file in, chunks out. Not thread-safe: one caller writes. While a chunk is encoded and sent, the next one is received; buffers
/// are bounded by <see cref="ChunkedFileWriterOptions.MaxBytesInFlight"/>, beyond that <see cref="WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/> waits.
/// <para>Same bytes give the same chunks, whatever the sizes of the writes and wherever it was interrupted and taken up again.</para>
/// <para>Dispose without <see cref="CompleteAsync"/> aborts: it returns when nothing runs any more. Chunks that were committed stay committed.</para>
/// </summary>
public sealed class ChunkedFileWriter : IAsyncDisposable
{
    private readonly IBlobSink _sink;
    private readonly ChunkEncoder _encoder;
    private readonly ChunkedFileWriterOptions _options;
    private readonly List<ChunkEntry> _committed;
    private readonly SemaphoreSlim _slots;
    private readonly CancellationTokenSource _abort = new();
    private ChunkEncodingRun? _run;
    private Segment? _segment;
    private int _runLength;
    private int _slotsOfRun;
    private int _nextIndex;
    private long _nextOffset;
    private Task _lastCommit = Task.CompletedTask;
    private Exception? _failure;
    private bool _completed;

    public ChunkedFileWriter(IBlobSink sink, ChunkEncoder encoder, ChunkedFileWriterOptions options)
    {
        _sink = sink;
        _encoder = encoder;
        _options = options;
        if (options.ChunkSize < Segment.Size || options.ChunkSize % Segment.Size != 0)
        {
            throw new ArgumentException($"ChunkSize must be a multiple of {Segment.Size}, not {options.ChunkSize}.", nameof(options));
        }

        _committed = [.. CheckedPrefix(options)];
        _nextIndex = _committed.Count;
        _nextOffset = _committed.Count == 0 ? 0 : _committed[^1].End;

        // A slot is a raw segment and the frame made of it. One chunk, and one segment of the next, must fit.
        int needed = (options.ChunkSize / Segment.Size) + 1;
        _slots = new SemaphoreSlim((int)Math.Max(needed, options.MaxBytesInFlight / (2 * Segment.Size)));
    }

    /// <summary>Bytes of the file taken so far: committed ones, ones on their way, and the tail.</summary>
    public long Position => _nextOffset + _runLength;

    /// <summary>Chunks stored for good, in order.</summary>
    public IReadOnlyList<ChunkEntry> Committed
    {
        get
        {
            lock (_committed)
            {
                return [.. _committed];
            }
        }
    }

    /// <summary>Where a writer started from <see cref="Committed"/> alone would go on.</summary>
    public long CommittedLength
    {
        get
        {
            lock (_committed)
            {
                return _committed.Count == 0 ? 0 : _committed[^1].End;
            }
        }
    }

    /// <summary>
    /// The bytes after the last sealed chunk, in memory. With <see cref="FlushAsync"/> before, exactly those between <see cref="CommittedLength"/>
    /// and <see cref="Position"/>: store them, and write them first into the next writer. Valid until the next call.
    /// </summary>
    public ReadOnlySequence<byte> Tail
    {
        get
        {
            IEnumerable<Segment> segments = _run?.Raw ?? [];
            return SegmentSequence.Of((_segment is null ? segments : segments.Append(_segment)).Select(segment => segment.Content));
        }
    }

    /// <summary>Takes bytes. Waits while too much is in flight. Throws what an earlier chunk failed with.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        RefuseExcess(bytes.Length);
        while (!bytes.IsEmpty)
        {
            Memory<byte> room = await GetMemoryAsync(cancellationToken);
            int count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <inheritdoc cref="WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public async ValueTask WriteAsync(ReadOnlySequence<byte> bytes, CancellationToken cancellationToken)
    {
        RefuseExcess(bytes.Length);
        foreach (ReadOnlyMemory<byte> part in bytes)
        {
            await WriteAsync(part, cancellationToken);
        }
    }

    /// <summary>Takes bytes from a stream until it ends, without a copy in between. Returns how many.</summary>
    public async Task<long> WriteFromAsync(Stream stream, CancellationToken cancellationToken)
    {
        long total = 0;
        while (true)
        {
            Memory<byte> room = await GetMemoryAsync(cancellationToken);
            int count = await stream.ReadAsync(room, cancellationToken);
            if (count == 0)
            {
                return total;
            }

            RefuseExcess(count);
            Advance(count);
            total += count;
        }
    }

    /// <summary>Room to receive into directly; say with <see cref="Advance"/> how much of it was filled.</summary>
    public async ValueTask<Memory<byte>> GetMemoryAsync(CancellationToken cancellationToken)
    {
        ThrowIfUnusable();
        if (_runLength == _options.ChunkSize)
        {
            Seal();
        }

        if (_segment is null)
        {
            await TakeSlotAsync(cancellationToken);
            _segment = Segment.Rent();
        }

        return _segment.Memory[_segment.Length..Segment.Size];
    }

    /// <summary>Counts bytes that were put into the memory of <see cref="GetMemoryAsync"/>.</summary>
    public void Advance(int count)
    {
        Segment segment = _segment ?? throw new InvalidOperationException("Advance without GetMemoryAsync.");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Segment.Size - segment.Length);
        segment.Length += count;
        _runLength += count;
        if (segment.Length < Segment.Size)
        {
            return;
        }

        _segment = null;
        CurrentRun.Add(segment);
        if (_runLength == _options.ChunkSize && (_options.Length is not null || _nextIndex > 0))
        {
            Seal();
        }
    }

    /// <summary>Waits until every sealed chunk is committed. The tail stays in memory.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfUnusable();
        await _lastCommit.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfUnusable();
    }

    /// <summary>
    /// Seals the last chunk and waits until all are committed. Throws <see cref="InvalidDataException"/> when the file is shorter than announced.
    /// An empty file has one chunk of no bytes.
    /// </summary>
    public async Task<IReadOnlyList<ChunkEntry>> CompleteAsync(CancellationToken cancellationToken)
    {
        ThrowIfUnusable();
        if (_options.Length is { } length && Position != length)
        {
            throw new InvalidDataException($"The file ended after {Position} bytes, {length} were announced.");
        }

        if (_runLength > 0 || _nextIndex == 0)
        {
            Seal(isLast: true);
        }

        await FlushAsync(cancellationToken);
        _completed = true;
        return Committed;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_completed)
        {
            await _abort.CancelAsync();
        }

        await _lastCommit.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_run is not null)
        {
            await _run.DisposeAsync();
            _run = null;
        }

        _segment?.Return();
        _segment = null;
        _completed = true;
        _failure ??= new ObjectDisposedException(nameof(ChunkedFileWriter));
        _slots.Dispose();
        _abort.Dispose();
    }

    private ChunkEncodingRun CurrentRun => _run ??= new ChunkEncodingRun(_encoder, allowCompression: !IsKnownToBeSingle);

    private bool IsKnownToBeSingle => _nextIndex == 0 && _options.Length <= _options.ChunkSize;

    /// <summary>Ends the current chunk and sends it on its way.</summary>
    private void Seal(bool isLast = false)
    {
        if (_segment is { } rest)
        {
            _segment = null;
            if (rest.Length > 0)
            {
                CurrentRun.Add(rest);
            }
            else
            {
                rest.Return();
            }
        }

        // A file of a single chunk is a plain layer that any ModelPack tool can read: always raw.
        bool keepRaw = IsKnownToBeSingle || (isLast && _nextIndex == 0);
        _lastCommit = StoreAsync(CurrentRun, new Place(_nextIndex, _nextOffset, _slotsOfRun), keepRaw, _lastCommit);
        _run = null;
        _slotsOfRun = 0;
        _nextIndex++;
        _nextOffset += _runLength;
        _runLength = 0;
    }

    private async Task StoreAsync(ChunkEncodingRun run, Place place, bool keepRaw, Task previous)
    {
        try
        {
            ChunkEntry entry;
            using (EncodedChunk chunk = await run.FinishAsync(keepRaw))
            {
                await _sink.PutAsync(chunk.StoredDigest, chunk.Content, _abort.Token);
                entry = place.Entry(chunk);
            }

            // In order: a chunk counts only when all before it do.
            await previous;
            if (_options.OnCommitted is { } onCommitted)
            {
                await onCommitted(entry, _abort.Token);
            }

            lock (_committed)
            {
                _committed.Add(entry);
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            await _abort.CancelAsync();
            throw;
        }
        finally
        {
            await run.DisposeAsync();

            // An earlier chunk may fail later than this one; nothing may run on after the last commit is over.
            await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (place.Slots > 0)
            {
                _slots.Release(place.Slots);
            }
        }
    }

    private async Task TakeSlotAsync(CancellationToken cancellationToken)
    {
        if (!_slots.Wait(0, CancellationToken.None))
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abort.Token);
            try
            {
                await _slots.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (_abort.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                ThrowIfUnusable();
                throw;
            }
        }

        _slotsOfRun++;
    }

    private void RefuseExcess(long count)
    {
        if (_options.Length is { } length && Position + count > length)
        {
            throw new InvalidDataException($"The file has more bytes than the {length} announced.");
        }
    }

    private void ThrowIfUnusable()
    {
        if (_failure is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        if (_completed)
        {
            throw new InvalidOperationException("The file is complete.");
        }
    }

    /// <summary>Committed chunks that cannot be the beginning of this file are refused: they belong to another one, or to another cut.</summary>
    private static IReadOnlyList<ChunkEntry> CheckedPrefix(ChunkedFileWriterOptions options)
    {
        long offset = 0;
        for (int i = 0; i < options.Committed.Count; i++)
        {
            ChunkEntry chunk = options.Committed[i];
            bool isLastOfFile = i == options.Committed.Count - 1 && chunk.End == options.Length;
            if (chunk.Index != i || chunk.Offset != offset || (chunk.Length != options.ChunkSize && !isLastOfFile))
            {
                throw new ArgumentException($"Committed[{i}] (index {chunk.Index}, offset {chunk.Offset}, length {chunk.Length}) does not follow on offset {offset} with chunks of {options.ChunkSize}.", nameof(options));
            }

            offset = chunk.End;
        }

        return options.Committed;
    }

    private readonly record struct Place(int Index, long Offset, int Slots)
    {
        public ChunkEntry Entry(EncodedChunk chunk) => new()
        {
            Index = Index,
            Offset = Offset,
            Length = chunk.Length,
            LogicalDigest = chunk.LogicalDigest,
            StoredDigest = chunk.StoredDigest,
            StoredLength = chunk.Content.Length,
            Encoding = chunk.Encoding,
        };
    }
}
