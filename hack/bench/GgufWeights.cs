using System.Text;

namespace AiModels.Bench;

/// <summary>Writes a valid GGUF file whose tensors are bf16 values of a normal distribution: what a freshly trained model's weights look like to a compressor.</summary>
internal static class GgufWeights
{
    private const uint TypeString = 8;
    private const uint TypeUInt32 = 4;
    private const uint TensorBf16 = 30;
    private const int Alignment = 32;

    // 4096 x 4096 values, 32 MiB: a usual layer.
    private const int Side = 4096;
    private const long TensorBytes = 2L * Side * Side;

    public static async Task WriteAsync(string path, long bytes, int seed, CancellationToken cancellationToken)
    {
        int tensors = (int)Math.Max(1, bytes / TensorBytes);
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20, useAsync: true);
        await file.WriteAsync(Header(tensors), cancellationToken);
        for (int first = 0; first < tensors; first += 2)
        {
            byte[][] next = [.. ParallelEnumerable.Range(first, Math.Min(2, tensors - first)).AsOrdered().Select(tensor => Weights((seed * 100_003) + tensor))];
            foreach (byte[] tensor in next)
            {
                await file.WriteAsync(tensor, cancellationToken);
            }
        }
    }

    private static byte[] Header(int tensors)
    {
        var header = new MemoryStream();
        using var writer = new BinaryWriter(header);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors);
        writer.Write(5ul);
        WriteText("general.architecture", "llama");
        WriteText("general.name", "bench");
        WriteNumber("general.file_type", 32);
        WriteNumber("llama.context_length", 4096);
        WriteNumber("llama.block_count", (uint)tensors);
        for (int i = 0; i < tensors; i++)
        {
            WriteString($"blk.{i}.ffn_up.weight");
            writer.Write(2u);
            writer.Write((ulong)Side);
            writer.Write((ulong)Side);
            writer.Write(TensorBf16);
            writer.Write((ulong)(i * TensorBytes));
        }

        writer.Write(new byte[(Alignment - (header.Length % Alignment)) % Alignment]);
        return header.ToArray();

        void WriteString(string text)
        {
            writer.Write((ulong)text.Length);
            writer.Write(Encoding.ASCII.GetBytes(text));
        }

        void WriteText(string key, string value)
        {
            WriteString(key);
            writer.Write(TypeString);
            WriteString(value);
        }

        void WriteNumber(string key, uint value)
        {
            WriteString(key);
            writer.Write(TypeUInt32);
            writer.Write(value);
        }
    }

    private static byte[] Weights(int seed)
    {
        byte[] bytes = new byte[TensorBytes];
        SyntheticTensor.Fill("bf16", seed, bytes);
        return bytes;
    }
}
