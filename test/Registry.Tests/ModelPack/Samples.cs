namespace AiModels.Registry.Tests.ModelPack;

/// <summary>Bytes like those of models, the same in every run.</summary>
internal static class Samples
{
    /// <summary>bf16 weights: normal-distributed values, which zstd makes about 1.28 times smaller.</summary>
    public static byte[] Weights(int length, int seed = 1)
    {
        var random = new Random(seed);
        byte[] bytes = new byte[length];
        for (int i = 0; i + 1 < length; i += 2)
        {
            // Sum of four uniforms: near enough to a normal distribution for its exponents.
            float value = (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() + random.NextDouble() - 2) * 0.02);
            uint bits = BitConverter.SingleToUInt32Bits(value);
            bytes[i] = (byte)(bits >> 16);
            bytes[i + 1] = (byte)(bits >> 24);
        }

        return bytes;
    }

    /// <summary>Bytes nobody can compress.</summary>
    public static byte[] Noise(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
