using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>Writes the fields of a protobuf message (https://protobuf.dev/programming-guides/encoding/). Absent values write nothing.</summary>
internal sealed class ProtoWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    public void Text(int number, string? text)
    {
        if (string.IsNullOrEmpty(text)) return;
        Bytes(number, Encoding.UTF8.GetBytes(text));
    }

    public void Flag(int number, bool value)
    {
        if (!value) return;
        Varint((ulong)number << 3);
        Varint(1);
    }

    public void Number(int number, long? value)
    {
        if (value is not { } given) return;
        Varint((ulong)number << 3);
        Varint((ulong)given);
    }

    public void Real(int number, double? value)
    {
        if (value is not { } given) return;
        Varint(((ulong)number << 3) | 1);
        BinaryPrimitives.WriteDoubleLittleEndian(_bytes.GetSpan(8), given);
        _bytes.Advance(8);
    }

    /// <summary>A message inside of this one.</summary>
    public void Message(int number, Action<ProtoWriter> write)
    {
        var inner = new ProtoWriter();
        write(inner);
        Bytes(number, inner.Written.Span);
    }

    private void Bytes(int number, ReadOnlySpan<byte> bytes)
    {
        Varint(((ulong)number << 3) | 2);
        Varint((ulong)bytes.Length);
        _bytes.Write(bytes);
    }

    private void Varint(ulong value)
    {
        while (value >= 0x80)
        {
            Byte((byte)(value | 0x80));
            value >>= 7;
        }

        Byte((byte)value);
    }

    private void Byte(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
    }
}
