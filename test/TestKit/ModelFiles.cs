using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace AiModels.TestKit;

/// <summary>Small model files that are complete: real headers, real tensors, the same bytes for the same seed.</summary>
public static class ModelFiles
{
    // GGUF value types (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
    private const uint Uint32 = 4, Text = 8, F16 = 1;

    /// <summary>A GGUF (version 3) with one F16 tensor of so many bytes (a multiple of 64).</summary>
    public static byte[] Gguf(long tensorBytes = 1 << 20, int seed = 1, string name = "Test")
    {
        using var file = new MemoryStream();
        file.Write("GGUF"u8);
        Write(file, 3u);
        Write(file, 1ul);
        Write(file, 4ul);
        Pair(file, "general.architecture", "llama");
        Pair(file, "general.name", name);
        Pair(file, "general.file_type", 1u);
        Pair(file, "llama.context_length", 2048u);
        String(file, "token_embd.weight");
        Write(file, 2u);
        Write(file, 32ul);
        Write(file, (ulong)tensorBytes / 64);
        Write(file, F16);
        Write(file, 0ul);
        file.Write(new byte[-file.Length & 31]);
        file.Write(Noise(tensorBytes, seed));
        return file.ToArray();
    }

    /// <summary>A safetensors file with one F32 tensor.</summary>
    public static byte[] Safetensors(int elements = 4096, int seed = 1)
    {
        string header = $$$$"""{"weight":{"dtype":"F32","shape":[{{{{elements}}}}],"data_offsets":[0,{{{{elements * 4}}}}]}}""";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        using var file = new MemoryStream();
        Write(file, (ulong)header.Length);
        file.Write(Encoding.UTF8.GetBytes(header));
        file.Write(Noise(elements * 4, seed));
        return file.ToArray();
    }

    /// <summary>The files of a small Safetensors model.</summary>
    public static IReadOnlyDictionary<string, byte[]> SafetensorsModel(int seed = 1) => new Dictionary<string, byte[]>
    {
        ["config.json"] = """{"architectures":["BertModel"],"model_type":"bert","max_position_embeddings":512,"torch_dtype":"float32"}"""u8.ToArray(),
        ["model.safetensors"] = Safetensors(seed: seed),
    };

    public static byte[] Zip(IReadOnlyDictionary<string, byte[]> files)
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in files)
            {
                using Stream entry = archive.CreateEntry(name).Open();
                entry.Write(content);
            }
        }

        return bytes.ToArray();
    }

    public static byte[] Tar(IReadOnlyDictionary<string, byte[]> files)
    {
        using var bytes = new MemoryStream();
        using (var archive = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in files) archive.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        }

        return bytes.ToArray();
    }

    private static byte[] Noise(long length, int seed)
    {
        byte[] noise = new byte[length];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    private static void Pair(MemoryStream file, string key, object value)
    {
        String(file, key);
        if (value is string text)
        {
            Write(file, Text);
            String(file, text);
            return;
        }

        Write(file, Uint32);
        Write(file, (uint)value);
    }

    private static void String(MemoryStream file, string text)
    {
        Write(file, (ulong)Encoding.UTF8.GetByteCount(text));
        file.Write(Encoding.UTF8.GetBytes(text));
    }

    private static void Write(MemoryStream file, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        file.Write(bytes);
    }

    private static void Write(MemoryStream file, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        file.Write(bytes);
    }
}
