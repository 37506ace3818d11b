using System.Buffers;
using AiModels.Hosting.Grpc;

namespace AiModels.LocalCluster.Host.Aggregation;

/// <summary>
/// The outgoing side of an HTTP/2 connection of HttpClient, which writes several values of a header as one line with commas. The front proxy's protocol wants
/// a line a group (a comma may be part of a group's name), so the groups go in as one value and are taken apart here, where the header block is bytes already.
/// </summary>
internal sealed class RepeatedGroups : Stream
{
    public const string Header = "X-Remote-Group";

    /// <summary>Between the groups of the one value; no group has it in its name.</summary>
    public const char Separator = '\u001f';

    // HPACK as HttpClient writes it: a literal without indexing whose name is written out (RFC 7541, 6.2.2), neither Huffman-coded.
    private static readonly byte[] Name = [0, 14, .. "x-remote-group"u8];

    private readonly Stream _inner;
    private readonly Http2HeaderFilter _filter = new(Split);
    private readonly ArrayBufferWriter<byte> _output = new();
    private byte[] _waiting = [];

    public RepeatedGroups(Stream inner) => _inner = inner;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>The groups as one value; those that could be mistaken for several are left out.</summary>
    public static string Join(IEnumerable<string> groups) => string.Join(Separator, groups.Where(group => !group.Contains(Separator)));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _inner.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ReadOnlySequence<byte> input = _waiting.Length == 0 ? new(buffer) : new([.. _waiting, .. buffer.Span]);
        _waiting = _filter.Copy(input, _output).ToArray();
        await _inner.WriteAsync(_output.WrittenMemory, cancellationToken);
        _output.ResetWrittenCount();
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);

    public override void Flush() => _inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => _inner.Read(buffer, offset, count);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("HttpClient writes asynchronously.");

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _inner.Dispose();
        base.Dispose(disposing);
    }

    private static bool Split(int nameIndex, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, IBufferWriter<byte> output)
    {
        if (nameIndex != 0 || !name.SequenceEqual(Name)) return false;

        int prefix = value[0] < 0x7f ? 1 : 1 + value[1..].IndexOfAnyInRange((byte)0, (byte)0x7f) + 1;
        ReadOnlySpan<byte> groups = value[prefix..];
        foreach (Range range in groups.Split((byte)Separator))
        {
            ReadOnlySpan<byte> group = groups[range];
            output.Write(name);
            WriteLength(group.Length, output);
            output.Write(group);
        }

        return true;
    }

    // RFC 7541, 5.1 with a prefix of seven bits.
    private static void WriteLength(int length, IBufferWriter<byte> output)
    {
        if (length < 0x7f)
        {
            output.Write<byte>([(byte)length]);
            return;
        }

        output.Write<byte>([0x7f]);
        for (length -= 0x7f; length >= 0x80; length >>= 7) output.Write<byte>([(byte)(length | 0x80)]);
        output.Write<byte>([(byte)length]);
    }
}
