using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Compression.Literals;

namespace AiModels.Registry.Tests.ModelPack.Compression;

/// <summary>The decoder of libzstd is the judge: what it expands to the same bytes is a valid frame.</summary>
[TestClass]
public sealed class LiteralFrameEncoderTests
{
    private const int BlockSize = 128 * 1024;

    [TestMethod]
    [DataRow(1)]
    [DataRow(5)]
    [DataRow(1023)]
    [DataRow(1024)]
    [DataRow(BlockSize - 1)]
    [DataRow(BlockSize)]
    [DataRow(BlockSize + 1)]
    [DataRow(BlockSize + 2050)]
    [DataRow(2 * 1024 * 1024)]
    public void TryEncode_OfWeights_IsWhatZstdExpandsToTheSame(int length) => AssertRoundTrip(Samples.Weights(length), Samples.Weights(1 << 16, seed: 3));

    [TestMethod]
    public void TryEncode_OfAnyDistribution_IsWhatZstdExpandsToTheSame()
    {
        var random = new Random(8);
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = Skewed(random, random.Next(1, 400_000));
            AssertRoundTrip(bytes, i % 2 == 0 ? bytes : Skewed(random, 5000));
        }
    }

    [TestMethod]
    public void TryEncode_OfBlocksThatDiffer_KeepsEachInItsBestForm()
    {
        byte[] weights = Samples.Weights(BlockSize);
        byte[] bytes = [.. Samples.Noise(BlockSize), .. weights, .. new byte[BlockSize], .. Samples.Noise(BlockSize, seed: 2), .. weights, .. new byte[77]];
        byte[] frame = AssertRoundTrip(bytes, weights)!;
        Assert.IsLessThan((int)(bytes.Length * 0.75), frame.Length);
    }

    [TestMethod]
    public void TryEncode_OfWeights_SavesAsMuchAsZstd()
    {
        byte[] bytes = Samples.Weights(2 * 1024 * 1024);
        byte[] frame = AssertRoundTrip(bytes, bytes)!;
        byte[] other = new byte[ZstdCompressor.Shared.MaxCompressedLength(bytes.Length)];
        Assert.IsLessThan(1.001 * ZstdCompressor.Shared.Compress(bytes, other), (double)frame.Length);
    }

    [TestMethod]
    public void TryEncode_OfNoise_GainsNothing() => Assert.AreEqual(0, Encode(Samples.Noise(300_000), Samples.Noise(300_000)).Length);

    [TestMethod]
    public void Compute_OfAnyCounts_GivesACompletePrefixCodeWithinTheLimit()
    {
        var random = new Random(6);
        byte[] lengths = new byte[CodeLengths.Symbols];
        for (int i = 0; i < 500; i++)
        {
            // Counts that grow like Fibonacci's are the ones that want the longest codes.
            uint[] counts = [.. Enumerable.Range(0, CodeLengths.Symbols).Select(n => i % 2 == 0 ? (uint)random.Next(1, 1 << random.Next(1, 20)) : (uint)Math.Min(1e9, Math.Pow(1.6, n % 60)) + 1)];
            CodeLengths.Compute(counts, lengths);
            Assert.IsTrue(lengths.All(length => length is >= 1 and <= CodeLengths.Max));
            Assert.AreEqual(1 << CodeLengths.Max, lengths.Sum(length => 1 << (CodeLengths.Max - length)));
        }
    }

    private static byte[] Skewed(Random random, int length)
    {
        // A power of a uniform number: from nearly flat to nearly constant.
        double power = 1 + (random.NextDouble() * random.Next(1, 30));
        int offset = random.Next(256);
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)((int)(256 * Math.Pow(random.NextDouble(), power)) + offset);
        }

        return bytes;
    }

    /// <summary>Null when the encoder declined.</summary>
    private static byte[]? AssertRoundTrip(byte[] raw, byte[] sample)
    {
        byte[] frame = Encode(raw, sample);
        if (frame.Length == 0)
        {
            return null;
        }

        byte[] back = new byte[raw.Length];
        Assert.AreEqual(raw.Length, ZstdCompressor.Shared.Decompress(frame, back));
        CollectionAssert.AreEqual(raw, back);
        return frame;
    }

    private static byte[] Encode(byte[] raw, byte[] sample)
    {
        uint[] counts = new uint[CodeLengths.Symbols];
        foreach (byte value in sample)
        {
            counts[value]++;
        }

        byte[] frame = new byte[LiteralFrameEncoder.MaxFrameLength(raw.Length)];
        return frame[..LiteralFrameEncoder.TryEncode(raw, counts, frame)];
    }
}
