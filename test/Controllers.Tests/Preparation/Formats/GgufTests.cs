using System.Buffers.Binary;
using System.Security.Cryptography;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Tests.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Formats;

[TestClass]
public sealed class GgufTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Read_RecordedVector_GivesEverythingItSays()
    {
        Assert.AreEqual("b9f226597858763c346a26a6c7ff8397b7dcf811160aea4c9893b5cbeecfda0b", Convert.ToHexStringLower(SHA256.HashData(GgufFile.Vector)));
        GgufHeader header = await Read(GgufFile.Vector);

        Assert.AreEqual(3u, header.Version);
        Assert.AreEqual("llama", header.Architecture);
        Assert.AreEqual(288, header.DataOffset);
        Assert.AreEqual(8, header.ParameterCount);

        ResolvedModel resolved = Describe(("tiny.gguf", GgufFile.Vector)).Resolved;
        Assert.AreEqual("GGUF", resolved.Format);
        Assert.AreEqual("llama", resolved.Family);
        Assert.AreEqual("F32", resolved.Quantization);
        Assert.AreEqual(128, resolved.ContextWindowTokens);
        Assert.AreEqual(8, resolved.ParameterCount);
        Assert.IsNull(resolved.SupportedEndpointTypes, "without tokenizer or template nothing is known of its use");
    }

    [TestMethod]
    public async Task Read_CutAnywhere_IsTold()
    {
        byte[] vector = GgufFile.Vector;
        for (int length = 0; length < vector.Length; length++)
        {
            await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(vector[..length]), $"{length} bytes");
        }

        InvalidModelFileException error = await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(vector[..319]));
        Assert.AreEqual("x.gguf: the file is cut short: its tensors need 320 bytes and it has 319. Upload or fetch it again.", error.Message);
    }

    [TestMethod]
    [DataRow(0, 0x46u, "does not begin with GGUF")]
    [DataRow(4, 1u, "version 1")]
    [DataRow(4, 0x03000000u, "big-endian")]
    [DataRow(12, 1u, "announces")]
    [DataRow(20, 0x7FFFFFFFu, "announces")]
    [DataRow(24, 0x7FFFFFFFu, "announces")]
    public async Task Read_LyingHeader_SaysWhatIsWrong(int offset, uint value, string expected)
    {
        byte[] bytes = [.. GgufFile.Vector];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);
        InvalidModelFileException error = await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(bytes));
        StringAssert.Contains(error.Message, expected);
    }

    [TestMethod]
    public async Task Read_TensorsThatOverlap_AreRefused()
    {
        byte[] bytes = new GgufFile().With("general.architecture", "llama").Tensor("a", 64).Tensor("b", 64).Bytes();
        int second = bytes.AsSpan().LastIndexOf((byte)'b');

        // After the name: the number of dimensions, one dimension, the type, the offset.
        bytes.AsSpan(second + 1 + 4 + 8 + 4, 8).Clear();

        InvalidModelFileException error = await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(bytes));
        StringAssert.Contains(error.Message, "two tensors overlap at 0");
    }

    [TestMethod]
    public void Describe_ChatModelWithTools_OffersChatAndToolCalling()
    {
        byte[] file = new GgufFile().With("general.architecture", "qwen2").With("general.file_type", 15u).With("qwen2.context_length", 32768ul)
            .With("tokenizer.ggml.model", "gpt2").With("tokenizer.ggml.tokens", new[] { "a", "b" })
            .With("tokenizer.chat_template", "{% if tools %}{% endif %}").Tensor("token_embd.weight", 64, 4).Bytes();
        ResolvedModel resolved = Describe(("m.gguf", file)).Resolved;

        Assert.AreEqual("Q4_K_M", resolved.Quantization);
        Assert.AreEqual(32768, resolved.ContextWindowTokens);
        CollectionAssert.AreEqual(new[] { "Chat", "TextGeneration" }, resolved.SupportedEndpointTypes!.ToArray());
        CollectionAssert.AreEqual(new[] { "ToolCalling" }, resolved.SupportedFeatures!.ToArray());
    }

    [TestMethod]
    [DataRow(1u, "Embeddings")]
    [DataRow(4u, "Rerank")]
    public void Describe_PoolingModel_OffersWhatItsPoolingSays(uint pooling, string expected)
    {
        byte[] file = new GgufFile().With("general.architecture", "bert").With("bert.pooling_type", pooling).With("tokenizer.ggml.model", "bert").Tensor("a", 32).Bytes();
        CollectionAssert.AreEqual(new[] { expected }, Describe(("m.gguf", file)).Resolved.SupportedEndpointTypes!.ToArray());
    }

    [TestMethod]
    public void Describe_WithProjector_AddsItsInputsAndNotItsParameters()
    {
        byte[] model = new GgufFile().With("general.architecture", "gemma3").With("tokenizer.ggml.model", "llama").Tensor("a", 32, 2).Bytes();
        byte[] projector = new GgufFile().With("general.architecture", "clip").With("clip.has_vision_encoder", true).Tensor("v", 32, 8).Bytes();
        ResolvedModel resolved = Describe(("m.gguf", model), ("mmproj-m.gguf", projector)).Resolved;

        Assert.AreEqual(64, resolved.ParameterCount);
        Assert.AreEqual("gemma3", resolved.Architecture);
        CollectionAssert.AreEqual(new[] { "VisionInput", "MultiModalInput" }, resolved.SupportedFeatures!.ToArray());
    }

    [TestMethod]
    public void Describe_MissingShard_NamesIt()
    {
        byte[] part = new GgufFile().With("general.architecture", "llama").With("split.no", 0u).With("split.count", 2u).Bytes();
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(("m-00001-of-00002.gguf", part)));
        StringAssert.Contains(error.Message, "part 2 of 2 is missing");
    }

    [TestMethod]
    public void Describe_SplitModel_IsOneModel()
    {
        ResolvedModel resolved = Describe(("m-00002-of-00002.gguf", Part(1, 2, 3)), ("m-00001-of-00002.gguf", Part(0, 2, 3, withMetadata: true, tensors: 2))).Resolved;
        Assert.AreEqual("llama", resolved.Architecture);
        Assert.AreEqual(96, resolved.ParameterCount);
    }

    [TestMethod]
    [DataRow(1u, 3u, 3u, 1, "of 3")]
    [DataRow(0u, 2u, 3u, 1, "does not fit")] // the same part twice
    [DataRow(2u, 2u, 3u, 1, "does not fit")]
    [DataRow(1u, 2u, 3u, 2, "announces 3 tensors in all parts")]
    public void Describe_PartsThatDisagree_AreRefused(uint number, uint count, uint announced, int tensors, string expected)
    {
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(
            ("m-00001-of-00002.gguf", Part(0, 2, announced, withMetadata: true, tensors: 2)), ("m-00002-of-00002.gguf", Part(number, count, announced, tensors: tensors))));
        StringAssert.Contains(error.Message, expected);
    }

    [TestMethod]
    public void Describe_PartsWithSwappedNames_AreRefused()
    {
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(
            ("m-00002-of-00002.gguf", Part(0, 2, 3, withMetadata: true, tensors: 2)), ("m-00001-of-00002.gguf", Part(1, 2, 3))));
        StringAssert.Contains(error.Message, "name says part 1 and its header part 2");
    }

    [TestMethod]
    public void Describe_WithoutArchitectureOrTensors_IsRefused()
    {
        StringAssert.Contains(Refusal(new GgufFile().With("general.name", "x").Tensor("a", 32)), "no text general.architecture");
        StringAssert.Contains(Refusal(new GgufFile().With("general.architecture", 5u).Tensor("a", 32)), "no text general.architecture");
        StringAssert.Contains(Refusal(new GgufFile().With("general.architecture", "").Tensor("a", 32)), "no text general.architecture");
        StringAssert.Contains(Refusal(new GgufFile().With("general.architecture", "llama")), "no tensors");

        static string Refusal(GgufFile file) => Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(("m.gguf", file.Bytes()))).Message;
    }

    /// <summary>ggml.h and ggml-common.h: id, elements and bytes of a block.</summary>
    [TestMethod]
    [DataRow("0 1 4, 1 1 2, 2 32 18, 3 32 20, 6 32 22, 7 32 24, 8 32 34, 9 32 36, 10 256 84, 11 256 110, 12 256 144, 13 256 176, 14 256 210, 15 256 292, 16 256 66, 17 256 74, "
        + "18 256 98, 19 256 50, 20 32 18, 21 256 110, 22 256 82, 23 256 136, 24 1 1, 25 1 2, 26 1 4, 27 1 8, 28 1 8, 29 256 56, 30 1 2, 34 256 54, 35 256 66, 39 32 17, 40 64 36, "
        + "41 128 18, 42 64 18")]
    public async Task Read_EveryTensorType_TakesItsExactSize(string types)
    {
        foreach (uint[] type in types.Split(", ").Select(entry => entry.Split(' ').Select(uint.Parse).ToArray()))
        {
            byte[] exact = new GgufFile().With("general.architecture", "llama").Typed("a", type[0], type[1] * 2, type[2] * 2).Bytes();
            Assert.AreEqual(type[1] * 2, (await Read(exact)).ParameterCount);
            await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(exact[..^1]), $"type {type[0]}");
            if (type[1] > 1)
            {
                byte[] odd = new GgufFile().With("general.architecture", "llama").Typed("a", type[0], (type[1] * 2) - 1, type[2] * 2).Bytes();
                StringAssert.Contains((await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(odd))).Message, "do not divide into");
            }
        }
    }

    [TestMethod]
    public void LeaveOut_SeveralQuantisations_KeepsTheRightOne()
    {
        SourceFile[] files =
        [
            new("m-Q2_K.gguf", 20), new("m-Q4_K_M.gguf", 40), new("m-Q8_0-00001-of-00002.gguf", 40), new("m-Q8_0-00002-of-00002.gguf", 40), new("m-F16.gguf", 160),
            new("mmproj-m-f16.gguf", 5), new("README.md", 1),
        ];
        CollectionAssert.AreEquivalent(new[] { "m-Q4_K_M.gguf", "mmproj-m-f16.gguf", "README.md" }, Kept(files, null));
        CollectionAssert.AreEquivalent(
            new[] { "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "mmproj-m-f16.gguf", "README.md" }, Kept(files, "m-Q8_0-00001-of-00002.gguf"));
        CollectionAssert.AreEquivalent(
            new[] { "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "mmproj-m-f16.gguf", "README.md" }, Kept([.. files.Where(file => file.Path != "m-Q4_K_M.gguf")], null));
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Read_RandomDamage_EndsInAHeaderOrAnErrorThatIsOurs()
    {
        byte[] whole = new GgufFile().With("general.architecture", "llama").With("tokenizer.ggml.tokens", new[] { "a", "b", "c" }).With("llama.context_length", 4096u)
            .Tensor("a.weight", 32, 2).Tensor("b.weight", 64).Bytes();
        var random = new Random(7);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. whole];
            for (int flip = random.Next(1, 5); flip > 0; flip--)
            {
                damaged[random.Next(damaged.Length)] = random.Next(4) switch { 0 => 0, 1 => 0xFF, 2 => 0x7F, _ => (byte)random.Next(256) };
            }

            try
            {
                await Read(damaged);
            }
            catch (InvalidModelFileException)
            {
                // As it should be.
            }
        }

        Assert.IsLessThan(4L << 30, GC.GetAllocatedBytesForCurrentThread() - before, "20,000 readings of a 400-byte file");
    }

    private static byte[] Part(uint number, uint count, uint announced, bool withMetadata = false, int tensors = 1)
    {
        GgufFile file = new GgufFile().With("split.no", number).With("split.count", count).With("split.tensors.count", announced);
        file = withMetadata ? file.With("general.architecture", "llama") : file;
        return Enumerable.Range(0, tensors).Aggregate(file, (part, i) => part.Tensor($"t{number}.{i}", 32)).Bytes();
    }

    private static string[] Kept(SourceFile[] files, string? preferred)
    {
        IReadOnlyDictionary<string, string> leftOut = new GgufFormat().LeaveOut(files, preferred);
        return [.. files.Select(file => file.Path).Where(path => !leftOut.ContainsKey(path))];
    }

    private static DescribedModel Describe(params (string Path, byte[] Content)[] files) =>
        new GgufFormat().Describe([.. files.Select(file => new FileInspector()
            .InspectAsync(new MemorySource(file.Content, file.Path), CancellationToken.None).GetAwaiter().GetResult())]);

    private Task<GgufHeader> Read(byte[] bytes) => GgufHeaderReader.ReadAsync(new MemoryStream(bytes), "x.gguf", bytes.Length, TestContext.CancellationToken);
}
