using System.Security.Cryptography;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>The bytes of one part, in blocks that are taken as it fills. Dispose gives them back.</summary>
internal sealed class PartBuffer(PartMemory memory, int capacity) : IDisposable
{
    // A request that was given up may still be reading when its memory goes back.
    private readonly Lock _gate = new();
    private readonly List<nint> _blocks = [];
    private int _capacity = capacity;
    private bool _isSealed;
    private bool _isDisposed;
    private TaskCompletionSource _grown = NewSignal();

    public long Length { get; private set; }

    /// <summary>Makes room for up to <paramref name="size"/> bytes: more came than was announced.</summary>
    public void Extend(long size)
    {
        int blocks = PartMemory.BlocksOf(size);
        memory.Reserve(Math.Max(0, blocks - _capacity));
        _capacity = Math.Max(_capacity, blocks);
    }

    /// <summary>Takes as much as fits below <paramref name="limit"/> bytes. Returns how much that was.</summary>
    public int Append(ReadOnlySpan<byte> content, long limit)
    {
        int taken = (int)Math.Min(content.Length, Math.Min(limit, (long)_capacity * PartMemory.BlockSize) - Length);
        for (int done = 0; done < taken;)
        {
            int at = (int)(Length % PartMemory.BlockSize);
            int count = Math.Min(PartMemory.BlockSize - at, taken - done);
            content.Slice(done, count).CopyTo(LastBlock(isFull: at == 0)[at..]);
            done += count;
            lock (_gate)
            {
                Length += count;
            }
        }

        Tell();
        return taken;
    }

    /// <summary>What is here is all, and is right: who follows gets the last byte too.</summary>
    public void Seal()
    {
        lock (_gate)
        {
            _isSealed = true;
        }

        Tell();
    }

    /// <summary>A view to send from; several may be open, one after the other.</summary>
    /// <param name="payloadHash">What <see cref="IStatedPayload"/> says of it.</param>
    public Stream OpenRead(string payloadHash) => new View(this, payloadHash);

    /// <summary>
    /// A view of bytes of which only some have come: reading waits for the others, and for the last one until they are sealed. Of what was not sealed a server
    /// never gets everything, so it stores nothing.
    /// </summary>
    /// <param name="length">How many there will be.</param>
    public Stream OpenFollower(string payloadHash, long length) => new Follower(this, payloadHash, length);

    /// <summary>The SHA-256 of all bytes in lower-case hexadecimal digits.</summary>
    public string ComputeSha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int i = 0; i < _blocks.Count; i++)
        {
            hash.AppendData(Block(i)[..(int)Math.Min(PartMemory.BlockSize, Length - ((long)i * PartMemory.BlockSize))]);
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        Tell();
        memory.Return(_capacity, _blocks);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Blocks are added under the lock, because a follower reads meanwhile; what they are filled with is not read before the length says so.
    private Span<byte> LastBlock(bool isFull)
    {
        lock (_gate)
        {
            if (isFull)
            {
                _blocks.Add(memory.TakeBlock());
            }

            return Block(_blocks.Count - 1);
        }
    }

    private void Tell()
    {
        TaskCompletionSource told;
        lock (_gate)
        {
            (told, _grown) = (_grown, NewSignal());
        }

        told.SetResult();
    }

    private unsafe Span<byte> Block(int index) => new((void*)_blocks[index], PartMemory.BlockSize);

    private sealed class Follower(PartBuffer buffer, string payloadHash, long length) : View(buffer, payloadHash)
    {
        public override long Length => length;

        public override async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                long readable;
                Task grown;
                lock (Buffer._gate)
                {
                    readable = Buffer._isSealed ? length : Math.Min(Buffer.Length, length) - 1;
                    grown = Buffer._grown.Task;
                }

                if (Position < readable || Position >= length || destination.IsEmpty)
                {
                    return Read(destination.Span[..(int)Math.Clamp(readable - Position, 0, destination.Length)]);
                }

                ObjectDisposedException.ThrowIf(Buffer._isDisposed, Buffer);
                await grown.WaitAsync(cancellationToken);
            }
        }

        public override Task<int> ReadAsync(byte[] destination, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(destination.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] destination, int offset, int count) => throw new NotSupportedException("Who waits for bytes does so asynchronously.");
    }

    private class View(PartBuffer buffer, string payloadHash) : Stream, IStatedPayload
    {
        protected PartBuffer Buffer => buffer;

        public string PayloadHash => payloadHash;

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => buffer.Length;

        public override long Position { get; set; }

        public override int Read(Span<byte> destination)
        {
            lock (buffer._gate)
            {
                ObjectDisposedException.ThrowIf(buffer._isDisposed, buffer);
                return ReadOpen(destination);
            }
        }

        public override int Read(byte[] destination, int offset, int count) => Read(destination.AsSpan(offset, count));

        public override ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(destination.Span));

        public override Task<int> ReadAsync(byte[] destination, int offset, int count, CancellationToken cancellationToken) => Task.FromResult(Read(destination.AsSpan(offset, count)));

        public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
        {
            SeekOrigin.Begin => offset,
            SeekOrigin.Current => Position + offset,
            _ => Length + offset,
        };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] content, int offset, int count) => throw new NotSupportedException();

        private int ReadOpen(Span<byte> destination)
        {
            int at = (int)(Position % PartMemory.BlockSize);
            int count = (int)Math.Min(Math.Min(destination.Length, PartMemory.BlockSize - at), Length - Position);
            if (count <= 0)
            {
                return 0;
            }

            buffer.Block((int)(Position / PartMemory.BlockSize)).Slice(at, count).CopyTo(destination);
            Position += count;
            return count;
        }
    }
}
