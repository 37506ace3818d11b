namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>The fuzzer's choices, all of them from one seed.</summary>
internal sealed class Dice(int seed)
{
    // Where lengths, counts and offsets go wrong.
    private static readonly ulong[] Edges =
    [
        0, 1, 2, 7, 8, 31, 32, 63, 64, 255, 256, 511, 512, 513, 65_535, 65_536, 262_143, 262_145, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue - 7, ulong.MaxValue,
    ];

    private static readonly string[] Words =
    [
        "", "a", "general.architecture", "llama", "llama.context_length", "general.alignment", "split.count", "split.no", "tokenizer.chat_template", "general.file_type",
        "weight", "__metadata__", "dtype", "shape", "data_offsets", "weight_map", "_class_name", "unet", "..", "../x", "/etc/passwd", "a/b", "ä\u0000", "NaN",
    ];

    private readonly Random _random = new(seed);

    /// <summary>True once in so many times.</summary>
    public bool OneIn(int times) => _random.Next(times) == 0;

    public int Below(int limit) => _random.Next(limit);

    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];

    public string Word() => OneIn(8) ? new string((char)('a' + Below(26)), Below(300)) : Pick<string>(Words);

    /// <summary>The right number, mostly; else one that lies.</summary>
    public ulong Number(ulong right) => _random.Next(12) switch
    {
        0 => Pick<ulong>(Edges),
        1 => right + 1,
        2 => right - 1,
        _ => right,
    };

    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        if (!OneIn(3))
        {
            _random.NextBytes(bytes);
        }

        return bytes;
    }
}
