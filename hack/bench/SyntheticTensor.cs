using System.Buffers.Binary;
using System.Text;

namespace AiModels.Bench;

/// <summary>Bytes that look to a compressor as those of published models do.</summary>
internal static class SyntheticTensor
{
    /// <summary>What can be made.</summary>
    public static readonly string[] Kinds = ["bf16", "fp16", "fp32", "q4", "text"];

    // The spread of weights after training: between 0.01 and 0.05 in published models.
    private const float StandardDeviation = 0.02f;

    // GGML's Q4_0: a half as scale and sixteen bytes of two values.
    private const int BlockValues = 32;
    private const int BlockBytes = 18;

    // A vocabulary's words; how often each occurs follows Zipf.
    private const int Words = 20_000;

    public static void Fill(string kind, int seed, Span<byte> bytes)
    {
        var random = new Random(seed);
        switch (kind)
        {
            case "bf16":
                for (int i = 0; i + 4 <= bytes.Length; i += 4)
                {
                    (float a, float b) = Normal(random);
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes[i..], Bf16(a));
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes[(i + 2)..], Bf16(b));
                }

                break;
            case "fp16":
                for (int i = 0; i + 4 <= bytes.Length; i += 4)
                {
                    (float a, float b) = Normal(random);
                    BinaryPrimitives.WriteHalfLittleEndian(bytes[i..], (Half)a);
                    BinaryPrimitives.WriteHalfLittleEndian(bytes[(i + 2)..], (Half)b);
                }

                break;
            case "fp32":
                for (int i = 0; i + 8 <= bytes.Length; i += 8)
                {
                    (float a, float b) = Normal(random);
                    BinaryPrimitives.WriteSingleLittleEndian(bytes[i..], a);
                    BinaryPrimitives.WriteSingleLittleEndian(bytes[(i + 4)..], b);
                }

                break;
            case "q4":
                for (int i = 0; i + BlockBytes <= bytes.Length; i += BlockBytes)
                {
                    Q4(random, bytes.Slice(i, BlockBytes));
                }

                break;
            case "text":
                Text(random, bytes);
                break;
            default:
                throw new ArgumentException($"'{kind}' is none of {string.Join(", ", Kinds)}.", nameof(kind));
        }
    }

    /// <summary>Box and Muller: two uniform numbers give two normal ones.</summary>
    private static (float A, float B) Normal(Random random)
    {
        float radius = StandardDeviation * MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle()));
        (float sine, float cosine) = MathF.SinCos(2 * MathF.PI * random.NextSingle());
        return (radius * sine, radius * cosine);
    }

    /// <summary>Rounds to the nearest bf16.</summary>
    private static ushort Bf16(float value) => (ushort)((BitConverter.SingleToUInt32Bits(value) + 0x8000) >> 16);

    private static void Q4(Random random, Span<byte> block)
    {
        Span<float> values = stackalloc float[BlockValues];
        float most = 0;
        for (int i = 0; i < BlockValues; i += 2)
        {
            (values[i], values[i + 1]) = Normal(random);
        }

        foreach (float value in values)
        {
            most = MathF.Abs(value) > MathF.Abs(most) ? value : most;
        }

        float scale = most / -8;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        for (int i = 0; i < BlockValues / 2; i++)
        {
            block[2 + i] = (byte)(Nibble(values[i]) | (Nibble(values[i + (BlockValues / 2)]) << 4));
        }

        int Nibble(float value) => scale == 0 ? 8 : Math.Clamp((int)((value / scale) + 8.5f), 0, 15);
    }

    /// <summary>Lines of JSON as in tokenizers.</summary>
    private static void Text(Random random, Span<byte> bytes)
    {
        string[] words = [.. Enumerable.Range(0, Words).Select(_ => Word(random))];
        int filled = 0;
        for (int line = 0; filled < bytes.Length; line++)
        {
            int rank = (int)Math.Pow(Words, random.NextDouble()) - 1;
            byte[] entry = Encoding.ASCII.GetBytes($"\"{words[rank]}{words[random.Next(Words)]}\": {line},\n");
            int count = Math.Min(entry.Length, bytes.Length - filled);
            entry.AsSpan(0, count).CopyTo(bytes[filled..]);
            filled += count;
        }
    }

    private static string Word(Random random) => string.Concat(Enumerable.Range(0, random.Next(2, 7)).Select(_ => (char)('a' + (int)(26 * Math.Pow(random.NextDouble(), 2)))));
}
