namespace AiModels.ModelPack.Compression.Literals;

/// <summary>Bits into bytes, lowest first. Too many of them are counted and not written.</summary>
internal ref struct BitWriter(Span<byte> destination)
{
    private readonly Span<byte> _destination = destination;
    private ulong _bits;
    private int _count;

    /// <summary>Whole bytes so far.</summary>
    public int Length { get; private set; }

    public bool HasOverflowed { get; private set; }

    public void Add(uint value, int count)
    {
        _bits |= (ulong)value << _count;
        _count += count;
        while (_count >= 8)
        {
            Flush();
        }
    }

    public void AlignToByte()
    {
        if (_count > 0)
        {
            _count = 8;
            Flush();
        }
    }

    /// <summary>Ends a stream that is read from its end: the highest bit that is set says where.</summary>
    public void Close()
    {
        Add(1, 1);
        AlignToByte();
    }

    private void Flush()
    {
        if (Length < _destination.Length)
        {
            _destination[Length++] = (byte)_bits;
        }
        else
        {
            HasOverflowed = true;
        }

        _bits >>= 8;
        _count -= 8;
    }
}
