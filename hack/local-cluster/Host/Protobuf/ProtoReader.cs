namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>Reads the fields of a protobuf message (https://protobuf.dev/programming-guides/encoding/). A message that is cut off is a FormatException.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>The next field: its number, and its bytes (length-delimited) or its value (varint and fixed).</summary>
    public bool Next(out int number, out ReadOnlySpan<byte> bytes, out ulong value)
    {
        number = 0;
        bytes = default;
        value = 0;
        if (_rest.IsEmpty) return false;
        ulong tag = Varint();
        number = (int)(tag >> 3);
        switch (tag & 7)
        {
            case 0:
                value = Varint();
                return true;
            case 1:
                value = BitConverter.ToUInt64(Take(8));
                return true;
            case 2:
                bytes = Take(checked((int)Varint()));
                return true;
            case 5:
                value = BitConverter.ToUInt32(Take(4));
                return true;
            default:
                throw new FormatException($"protobuf wire type {tag & 7} is not supported");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length) throw new FormatException("the protobuf message is cut off");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return value;
        }

        throw new FormatException("a protobuf number is too long");
    }
}
