using System.Text;

namespace AiModels.Controllers.Tests.Preparation.Formats;

/// <summary>Writes GGUF files for tests.</summary>
internal sealed class GgufFile
{
    private readonly MemoryStream _pairs = new();
    private readonly MemoryStream _tensors = new();
    private ulong _pairCount;
    private ulong _tensorCount;
    private ulong _dataLength;

    /// <summary>The smallest whole file with one tensor: 320 bytes whose digest is known.</summary>
    public static byte[] Vector { get; } = Convert.FromHexString(
        "474755460300000001000000000000000500000000000000140000000000000067656e6572616c2e6172636869746563747572650800000005000000000000006c6c616d61"
        + "0c0000000000000067656e6572616c2e6e616d6508000000040000000000000074696e79110000000000000067656e6572616c2e66696c655f747970650400000000000000"
        + "14000000000000006c6c616d612e636f6e746578745f6c656e677468040000008000000011000000000000006c6c616d612e626c6f636b5f636f756e740400000001000000"
        + "1100000000000000746f6b656e5f656d62642e7765696768740200000004000000000000000200000000000000000000000000000000000000000000000000000000000000"
        + "000000000000000000000000000000000000803f0000004000004040000080400000a0400000c0400000e040");

    public GgufFile With(string key, object value)
    {
        _pairCount++;
        String(_pairs, key);
        Value(_pairs, value, withType: true);
        return this;
    }

    /// <summary>An F16 tensor.</summary>
    public GgufFile Tensor(string name, params ulong[] dimensions)
    {
        _tensorCount++;
        String(_tensors, name);
        Write(_tensors, (uint)dimensions.Length);
        foreach (ulong dimension in dimensions)
        {
            Write(_tensors, dimension);
        }

        Write(_tensors, 1u);
        Write(_tensors, _dataLength);
        _dataLength += (dimensions.Aggregate(1ul, (a, b) => a * b) * 2) + 31 & ~31ul;
        return this;
    }

    /// <summary>The only tensor of the file, with one dimension.</summary>
    public GgufFile Typed(string name, uint type, ulong elements, ulong bytes)
    {
        _tensorCount++;
        String(_tensors, name);
        Write(_tensors, 1u);
        Write(_tensors, elements);
        Write(_tensors, type);
        Write(_tensors, 0ul);
        _dataLength = bytes;
        return this;
    }

    public byte[] Bytes(int? dataSeed = 1)
    {
        using var file = new MemoryStream();
        file.Write("GGUF"u8);
        Write(file, 3u);
        Write(file, _tensorCount);
        Write(file, _pairCount);
        _pairs.WriteTo(file);
        _tensors.WriteTo(file);
        file.Write(new byte[-file.Length & 31]);
        byte[] data = new byte[_dataLength];
        new Random(dataSeed ?? 0).NextBytes(data);
        file.Write(data);
        return file.ToArray();
    }

    private static void Value(MemoryStream target, object value, bool withType)
    {
        uint type = value switch { bool => 7, string => 8, string[] => 9, uint => 4, ulong => 10, _ => throw new ArgumentException(value.GetType().Name) };
        if (withType)
        {
            Write(target, type);
        }

        switch (value)
        {
            case bool flag:
                target.WriteByte(flag ? (byte)1 : (byte)0);
                break;
            case string text:
                String(target, text);
                break;
            case string[] list:
                Write(target, 8u);
                Write(target, (ulong)list.Length);
                foreach (string text in list)
                {
                    String(target, text);
                }

                break;
            case uint number:
                Write(target, number);
                break;
            case ulong number:
                Write(target, number);
                break;
        }
    }

    private static void String(MemoryStream target, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Write(target, (ulong)bytes.Length);
        target.Write(bytes);
    }

    private static void Write(MemoryStream target, uint value) => target.Write(BitConverter.GetBytes(value));

    private static void Write(MemoryStream target, ulong value) => target.Write(BitConverter.GetBytes(value));
}
