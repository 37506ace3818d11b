using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Controllers.Tests.Preparation.Formats.Pickle;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>Files that are made to fill memory: small or middling themselves, and full of what a careless reader would remember.</summary>
internal static class HostileFiles
{
    // More than any reader takes.
    private const int Many = 1_500_000;

    public static IReadOnlyDictionary<string, Func<(string Name, byte[] Content)>> All { get; } = new Dictionary<string, Func<(string, byte[])>>
    {
        ["gguf with as many tensors as are read"] = () => ("x.gguf", Gguf(tensors: 1 << 18, pairs: 1)),
        ["gguf with more tensors than are read"] = () => ("x.gguf", Gguf(tensors: Many, pairs: 1)),
        ["gguf with as many entries as are read"] = () => ("x.gguf", Gguf(tensors: 0, pairs: 65_535)),
        ["gguf with arrays of empty texts"] = () => ("x.gguf", GgufArray(3_000_000)),
        ["safetensors with as many tensors as are read"] = () => ("x.safetensors", Safetensors(1 << 18)),
        ["safetensors with more tensors than are read"] = () => ("x.safetensors", Safetensors(600_000)),
        ["safetensors with notes"] = () => ("x.safetensors", SafetensorsTests.File("{\"__metadata__\":{" + Listed(Many, i => $"\"{i}\":\"\"") + "}}", 0)),
        ["safetensors with a long text"] = () => ("x.safetensors", SafetensorsTests.File("{\"__metadata__\":{\"a\":\"" + new string('x', 40_000_000) + "\"}}", 0)),
        ["pickle that fills its stack"] = () => ("x.bin", TorchZip.OfLegacy(Repeated("N"u8, 20_000_000))),
        ["pickle that fills its stack with texts"] = () => ("x.bin", TorchZip.OfLegacy(Repeated("U\u0001a"u8, Many))),
        ["pickle that fills its memo"] = () => ("x.bin", TorchZip.OfLegacy([.. Repeated((ReadOnlySpan<byte>)[0x8C, 1, (byte)'a', 0x94, (byte)'0'], Many)])),
        ["pickle that fills its marks"] = () => ("x.bin", TorchZip.OfLegacy(Repeated("("u8, 20_000_000))),
        ["pickle that jumps in its memo"] = () => ("x.bin", TorchZip.OfLegacy([(byte)'N', (byte)'r', 0xFF, 0xFF, 0xFF, 0x7F])),
        ["zip with a directory of 60 MB"] = () => ("m.zip", ZipOfRecords(1_200_000)),
        ["zip with as many entries as are read"] = () => ("m.zip", Pack.Zip([.. Names(100_000).Select(name => (name, Array.Empty<byte>()))])),
        ["tar of deep folders"] = () => ("m.tar.gz", Pack.Gzip(TarOfNames(60_000, i => i + string.Concat(Enumerable.Repeat("/a", 40)), TarEntryFormat.Ustar))),
        ["tar of long names"] = () => ("m.tar.gz", Pack.Gzip(TarOfNames(30_000, i => $"{i}/{new string('a', 230)}/{new string('b', 230)}/{new string('c', 230)}", TarEntryFormat.Pax))),
        ["zst with a window of 128 MiB"] = () => ("m.tar.zst", [0x28, 0xB5, 0x2F, 0xFD, 0x00, 17 << 3, 0x01, 0, 0]),
        ["tgz of zeros"] = () => ("m.tgz", Pack.Gzip(new byte[300 << 20])),
        ["zip of many configurations"] = () => ("m.zip", Pack.Zip([.. Enumerable.Range(0, 60).Select(i => ($"{i}/config.json", Json(1 << 20)))])),
        ["zip of many headers"] = () => ("m.zip", ZipOfOne(Safetensors(200_000), 12, ".safetensors")),
        ["zip of many broken files"] = () => ("m.zip", Pack.Zip([.. Enumerable.Range(0, 50_000).Select(i => ($"{i}.gguf", Array.Empty<byte>()))])),
        ["model with a dense config"] = () => ("m.zip", Pack.Zip(("config.json", Json(1 << 20)), ("model.safetensors", SafetensorsTests.File("{}", 0)))),
        ["model with a dense tokenizer"] = () => ("m.zip", Pack.Zip(("config.json", "{}"u8.ToArray()), ("tokenizer_config.json", Json(4 << 20)), ("model.safetensors", SafetensorsTests.File("{}", 0)))),
        ["model with a dense index"] = () => (
            "m.zip",
            Pack.Zip(
                ("config.json", "{}"u8.ToArray()), ("model.safetensors", Safetensors(1 << 18)),
                ("model.safetensors.index.json", Encoding.UTF8.GetBytes("{\"weight_map\":{" + Listed(1 << 18, i => $"\"{i}\":\"model.safetensors\"") + "}}")))),
        ["model with a long card"] = () => ("m.zip", Pack.Zip(
            ("config.json", "{}"u8.ToArray()), ("README.md", [.. "---\n"u8, .. new byte[60 << 20]]), ("model.safetensors", SafetensorsTests.File("{}", 0)))),
    };

    private static byte[] Repeated(ReadOnlySpan<byte> piece, int count)
    {
        byte[] all = new byte[piece.Length * count];
        for (int i = 0; i < count; i++)
        {
            piece.CopyTo(all.AsSpan(i * piece.Length));
        }

        return all;
    }

    private static string Listed(int count, Func<int, string> entry) => string.Join(',', Enumerable.Range(0, count).Select(entry));

    private static IEnumerable<string> Names(int count) => Enumerable.Range(0, count).Select(i => $"{i % 100}/{i}.txt");

    /// <summary>What takes the most memory for its bytes when it is parsed.</summary>
    private static byte[] Json(int length)
    {
        byte[] json = Repeated("1,"u8, length / 2);
        json[0] = (byte)'[';
        json[1] = (byte)' ';
        json[^1] = (byte)']';
        return json;
    }

    private static byte[] Gguf(int tensors, int pairs)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors);
        writer.Write((ulong)pairs);
        for (int i = 0; i < pairs; i++)
        {
            Text(writer, i == 0 ? "general.architecture" : $"a.very.long.name.of.an.entry.{i}");
            writer.Write(8u);
            Text(writer, $"value {i} of some sixty characters, which is what a text may well have");
        }

        for (int i = 0; i < tensors; i++)
        {
            Text(writer, $"{i}");
            writer.Write(1u);
            writer.Write(0ul);
            writer.Write(0u);
            writer.Write(0ul);
        }

        return stream.ToArray();
    }

    private static byte[] GgufArray(int count) => new GgufFile().With("general.architecture", "x").With("tokens", Enumerable.Repeat("", count).ToArray()).Bytes();

    private static void Text(BinaryWriter writer, string text)
    {
        writer.Write((ulong)text.Length);
        writer.Write(Encoding.ASCII.GetBytes(text));
    }

    private static byte[] Safetensors(int tensors) =>
        SafetensorsTests.File("{" + Listed(tensors, i => $$"""  "{{i}}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}""") + "}", 0);

    private static byte[] TarOfNames(int count, Func<int, string> name, TarEntryFormat format)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, format, leaveOpen: true))
        {
            for (int i = 0; i < count; i++)
            {
                writer.WriteEntry(format == TarEntryFormat.Pax ? new PaxTarEntry(TarEntryType.RegularFile, name(i)) : new UstarTarEntry(TarEntryType.RegularFile, name(i)));
            }
        }

        return stream.ToArray();
    }

    private static byte[] ZipOfOne(byte[] content, int times, string extension)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (int i = 0; i < times; i++)
            {
                using Stream entry = zip.CreateEntry(i + extension, CompressionLevel.Fastest).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>Nothing but a central directory.</summary>
    private static byte[] ZipOfRecords(int count)
    {
        const int record = 47;
        byte[] zip = new byte[4 + (record * count) + 22];
        BinaryPrimitives.WriteUInt32LittleEndian(zip, 0x04034b50);
        for (int i = 0; i < count; i++)
        {
            Span<byte> at = zip.AsSpan(4 + (i * record));
            BinaryPrimitives.WriteUInt32LittleEndian(at, 0x02014b50);
            at[28] = 1;
            at[46] = (byte)'a';
        }

        Span<byte> end = zip.AsSpan(zip.Length - 22);
        BinaryPrimitives.WriteUInt32LittleEndian(end, 0x06054b50);
        BinaryPrimitives.WriteUInt16LittleEndian(end[10..], (ushort)count);
        BinaryPrimitives.WriteInt32LittleEndian(end[12..], record * count);
        BinaryPrimitives.WriteInt32LittleEndian(end[16..], 4);
        return zip;
    }
}
