using System.Buffers.Binary;
using System.Formats.Tar;
using System.Text;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>Files whose numbers lie: each is refused with the number and what would be right, and none is a model by mistake.</summary>
[TestClass]
public sealed class HostileInputTests
{
    private const ulong TwoTo63 = 1UL << 63;

    private static readonly (string Path, byte[] Content)[] Model = [("config.json", "{}"u8.ToArray()), ("model.safetensors", SafetensorsTests.File("{}", 0))];

    private static readonly Dictionary<string, Func<IByteSource>> Inputs = new()
    {
        ["gguf with 2^63 tensors"] = () => Gguf(file => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(8), TwoTo63)),
        ["gguf with 2^63 entries"] = () => Gguf(file => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(16), TwoTo63)),
        ["gguf with a key of 2^63 bytes"] = () => Gguf(file => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(24), TwoTo63)),
        ["gguf with a key that is no text"] = () => Gguf(file => file[32] = 0xFF),
        ["gguf with a text of 2^63 bytes"] = () => Gguf(file => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(56), TwoTo63)),
        ["safetensors with a header of 100 MB of blanks"] = () => new Generated("x.safetensors", 100_000_008, Blanks(100_000_000)),
        ["safetensors with a header of 100 MB and a byte"] = () => new Generated("x.safetensors", 100_000_009, Blanks(100_000_001)),
        ["safetensors with a header of 2^63 bytes"] = () => new Generated("x.safetensors", 1000, BitConverter.GetBytes(TwoTo63)),
        ["index that leads out"] = () => Zip([.. Model, ("model.safetensors.index.json", """{"weight_map":{"t":"../../etc/model.safetensors"}}"""u8.ToArray())]),
        ["index that is absolute"] = () => Zip([.. Model, ("model.safetensors.index.json", """{"weight_map":{"t":"/etc/model.safetensors"}}"""u8.ToArray())]),
        ["zip64 whose end record is elsewhere"] = () => Zip64(end => BinaryPrimitives.WriteInt64LittleEndian(end[(56 + 8)..], long.MaxValue - 4)),
        ["zip64 with 2^62 entries"] = () => Zip64(end => BinaryPrimitives.WriteInt64LittleEndian(end[32..], 1L << 62)),
        ["zip64 with a negative directory"] = () => Zip64(end => BinaryPrimitives.WriteInt64LittleEndian(end[40..], -1)),
        ["zip64 with a directory behind its end"] = () => Zip64(end => BinaryPrimitives.WriteInt64LittleEndian(end[48..], long.MaxValue)),
        ["tar with a sparse file of GNU"] = () => TarHeader('S', 0),
        ["tar with a sparse file of pax"] = () => Tar(new PaxTarEntry(TarEntryType.RegularFile, "model.safetensors", [new("GNU.sparse.major", "1"), new("GNU.sparse.realsize", "1099511627776")])),
        ["tar with a header of a gigabyte"] = () => TarHeader('x', 1L << 30),
        ["tar with a long name of a gigabyte"] = () => TarHeader('L', 1L << 30),
        ["tar with a size of 2^64"] = () => Tar(Pax("29 size=18446744073709551616\n")),
        ["tar with a negative size"] = () => Tar(Pax("11 size=-1\n")),
        ["tar with a record longer than its header"] = () => Tar(Pax("99999 path=x\n")),
    };

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("gguf with 2^63 tensors", "announces 9223372036854775808 tensors")]
    [DataRow("gguf with 2^63 entries", "9223372036854775808 metadata entries")]
    [DataRow("gguf with a key of 2^63 bytes", "announces 9223372036854775808 bytes at offset 24")]
    [DataRow("gguf with a key that is no text", "the name of a metadata entry at offset 32 is not UTF-8")]
    [DataRow("gguf with a text of 2^63 bytes", "metadata entry 'general.architecture' announces 9223372036854775808 bytes")]
    [DataRow("safetensors with a header of 100 MB of blanks", null)]
    [DataRow("safetensors with a header of 100 MB and a byte", "announces 100000001 bytes; at most 100000000 are allowed")]
    [DataRow("safetensors with a header of 2^63 bytes", "announces 9223372036854775808 bytes")]
    [DataRow("index that leads out", "names ../../etc/model.safetensors, which is not there")]
    [DataRow("index that is absolute", "names /etc/model.safetensors, which is not there")]
    [DataRow("zip64 whose end record is elsewhere", "its zip64 end record at 9223372036854775803 does not lie inside it")]
    [DataRow("zip64 with 2^62 entries", "it has 4611686018427387904 entries")]
    [DataRow("zip64 with a negative directory", "its directory of 18446744073709551615 bytes")]
    [DataRow("zip64 with a directory behind its end", "does not lie inside it")]
    [DataRow("tar with a sparse file of GNU", "is a sparse file")]
    [DataRow("tar with a sparse file of pax", "is a sparse file")]
    [DataRow("tar with a header of a gigabyte", "has an extended header of 1073741824 bytes")]
    [DataRow("tar with a long name of a gigabyte", "has an extended header of 1073741824 bytes")]
    [DataRow("tar with a size of 2^64", "has the size '18446744073709551616', which is no number")]
    [DataRow("tar with a negative size", "has the size '-1', which is no number")]
    [DataRow("tar with a record longer than its header", "an extended header cannot be read")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Examine_LyingInput_SaysWhatIsWrong(string what, string? expected)
    {
        string? problem = await Examination.RunAsync(Inputs[what](), TestContext.CancellationToken);
        if (expected is null)
        {
            Assert.IsNull(problem);
            return;
        }

        StringAssert.Contains(problem, expected);
    }

    private static MemorySource Gguf(Action<byte[]> change)
    {
        byte[] file = [.. GgufFile.Vector];
        change(file);
        return new MemorySource(file, "x.gguf");
    }

    private static MemorySource Zip((string, byte[])[] files) => new(Pack.Zip(files), "m.zip");

    /// <summary>A zip with the end records of zip64, whose first byte is given out together with the locator behind it.</summary>
    private static MemorySource Zip64(SpanAction change)
    {
        byte[] plain = Pack.Zip(Model);
        int endAt = plain.Length - 22;
        byte[] end = new byte[56 + 20];
        BinaryPrimitives.WriteUInt32LittleEndian(end, 0x06064b50);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(4), 44);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(24), Model.Length);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(32), Model.Length);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(40), BinaryPrimitives.ReadUInt32LittleEndian(plain.AsSpan(endAt + 12)));
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(48), BinaryPrimitives.ReadUInt32LittleEndian(plain.AsSpan(endAt + 16)));
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(56), 0x07064b50);
        BinaryPrimitives.WriteInt64LittleEndian(end.AsSpan(56 + 8), endAt);
        BinaryPrimitives.WriteInt32LittleEndian(end.AsSpan(56 + 16), 1);
        change(end);
        return new MemorySource([.. plain[..endAt], .. end, .. plain[endAt..]], "m.zip");
    }

    private static MemorySource Tar(TarEntry entry) => Tar(Pack.TarEntry(entry));

    private static MemorySource Tar(byte[] tar) => new(Pack.Gzip(tar), "m.tar.gz");

    /// <summary>An extended header with these records, and the file that it is for.</summary>
    private static byte[] Pax(params string[] records)
    {
        byte[] content = Encoding.ASCII.GetBytes(string.Concat(records));
        byte[] header = Header('x', content.Length);
        return [.. header, .. content, .. new byte[-content.Length & 511], .. Header('0', 0), .. new byte[1024]];
    }

    private static MemorySource TarHeader(char type, long size) => Tar([.. Header(type, size), .. new byte[1024]]);

    private static byte[] Header(char type, long size)
    {
        byte[] block = new byte[512];
        Encoding.ASCII.GetBytes("model.safetensors").CopyTo(block, 0);
        Encoding.ASCII.GetBytes("0000644\00000000\00000000\0").CopyTo(block, 100);
        Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0')).CopyTo(block, 124);
        Encoding.ASCII.GetBytes("00000000000\0").CopyTo(block, 136);
        block[156] = (byte)type;
        Encoding.ASCII.GetBytes("ustar\000").CopyTo(block, 257);
        block.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(block.Sum(value => value), 8).PadLeft(6, '0') + "\0").CopyTo(block, 148);
        return block;
    }

    /// <summary>The length of a header, and the header's beginning.</summary>
    private static byte[] Blanks(long length) => [.. BitConverter.GetBytes(length), (byte)'{'];

    private delegate void SpanAction(Span<byte> end);

    /// <summary>A beginning, then blanks, and a closing brace at the end.</summary>
    private sealed class Generated(string name, long length, byte[] beginning) : IByteSource
    {
        public string Name => name;

        public long Length => length;

        public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(new Content(offset, length, beginning));

        private sealed class Content(long position, long length, byte[] beginning) : MemoryStream
        {
            private long _position = position;

            public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                int count = (int)Math.Min(buffer.Length, length - _position);
                Span<byte> target = buffer.Span[..count];
                target.Fill((byte)' ');
                if (_position < beginning.Length)
                {
                    ReadOnlySpan<byte> part = beginning.AsSpan((int)_position);
                    part[..Math.Min(part.Length, count)].CopyTo(target);
                }

                _position += count;
                if (_position == length && count > 0)
                {
                    target[^1] = (byte)'}';
                }

                return new(count);
            }
        }
    }
}
