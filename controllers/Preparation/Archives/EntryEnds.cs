using AiModels.Controllers.Preparation.Formats;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// Both ends of an entry whose archive can only be read forward, so that a file with a directory at its end can be looked into without unpacking the archive
/// again. The middle, which holds weights, is passed over; whoever asks for it is told what would help.
/// </summary>
internal sealed class EntryEnds : IByteSource
{
    // What torch.save writes first (its pickle: hundreds of bytes a tensor) and last (its directory: as many).
    private const int HeadLength = 8 << 20;
    private const int TailLength = 4 << 20;

    private readonly byte[] _head;
    private readonly byte[] _tail;

    private EntryEnds(string name, long length, byte[] head, byte[] tail)
    {
        Name = name;
        Length = length;
        (_head, _tail) = (head, tail);
    }

    public string Name { get; }

    public long Length { get; }

    public static async Task<EntryEnds> ReadAsync(ArchiveEntry entry, CancellationToken cancellationToken)
    {
        byte[] head = new byte[(int)Math.Min(HeadLength, entry.Length)];
        await entry.Content.ReadExactlyAsync(head, cancellationToken);
        byte[] tail = new byte[(int)Math.Min(TailLength, entry.Length - head.Length)];
        await StreamSkip.SkipAsync(entry.Content, entry.Length - head.Length - tail.Length, cancellationToken);
        await entry.Content.ReadExactlyAsync(tail, cancellationToken);
        return new EntryEnds(entry.Path, entry.Length, head, tail);
    }

    public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(new Ends(this, offset));

    private sealed class Ends(EntryEnds ends, long position) : ForwardOnlyStream
    {
        private long _position = position;

        public override long Position => _position;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            long tailStart = ends.Length - ends._tail.Length;
            ReadOnlyMemory<byte> part = _position < ends._head.Length ? ends._head.AsMemory((int)_position)
                : _position >= tailStart ? ends._tail.AsMemory((int)(_position - tailStart))
                : throw new InvalidModelFileException(
                    ends.Name, $"what must be read of it lies at offset {_position}, too deep inside a compressed tar. Upload the files as zip or as plain tar, or convert the weights to Safetensors.");
            int count = Math.Min(buffer.Length, part.Length);
            part[..count].CopyTo(buffer);
            _position += count;
            return new(count);
        }
    }
}
