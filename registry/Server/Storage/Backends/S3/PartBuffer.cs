using System.Security.Cryptography;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>The bytes of one part, in blocks that are taken as it fills. Dispose gives them back.</summary>
internal sealed class PartBuffer(PartMemory memory, int capacity) : IDisposable
{
    // A request that was given up may still be reading when its memory goes back.
    private readonly Lock _gate = new();
    private readonly List<nint> _blocks = [];
    private int _capacity = capacity;
    private bool _isDisposed;

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
            if (at == 0)
            {
                _blocks.Add(memory.TakeBlock());
            }

            int count = Math.Min(PartMemory.BlockSize - at, taken - done);
            content.Slice(done, count).CopyTo(Block(_blocks.Count - 1)[at..]);
            done += count;
            Length += count;
        }

        return taken;
    }

    /// <summary>A view to send from; several may be open, one after the other.</summary>
    /// <param name="payloadHash">What <see cref="IStatedPayload"/> says of it.</param>
    public Stream OpenRead(string payloadHash) => new View(this, payloadHash);

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

        memory.Return(_capacity, _blocks);
    }

    private unsafe Span<byte> Block(int index) => new((void*)_blocks[index], PartMemory.BlockSize);

    private sealed class View(PartBuffer buffer, string payloadHash) : Stream, IStatedPayload
    {
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
