using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Safetensors;
using AiModels.Controllers.Tests.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Formats;

[TestClass]
public sealed class SafetensorsTests
{
    /// <summary>The smallest whole file with one tensor: 68 bytes whose digest is known.</summary>
    private static readonly byte[] Vector = Convert.FromHexString(
        "38000000000000007b2274223a7b226474797065223a22463332222c227368617065223a5b315d2c22646174615f6f666673657473223a5b302c345d7d7d20200000803f");

    public TestContext TestContext { get; set; } = null!;

    /// <summary>A file with this header and so many bytes of data.</summary>
    public static byte[] File(string header, int dataLength)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        return file;
    }

    [TestMethod]
    public async Task Read_RecordedVector_IsValid()
    {
        Assert.AreEqual("b16b18251f65a243767a83a7b9009de951c76ca4d5bde2bc5ea17856a996cdc5", Convert.ToHexStringLower(SHA256.HashData(Vector)));
        SafetensorsHeader header = await Read(Vector);
        Assert.AreEqual(1, header.ParameterCount);
        Assert.AreEqual(1, header.ElementsByType["F32"]);
    }

    [TestMethod]
    public async Task Read_CutAnywhereOrTooLong_IsTold()
    {
        for (int length = 0; length < Vector.Length; length++)
        {
            await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(Vector[..length]), $"{length} bytes");
        }

        await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read([.. Vector, 0]));
    }

    [TestMethod]
    [DataRow("""{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 16)]
    [DataRow("""{"scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"none":{"dtype":"F64","shape":[0,7],"data_offsets":[8,8]}}    """, 8)]
    [DataRow("""{"packed":{"data_offsets":[0,3],"shape":[6],"dtype":"F4"}}""", 3)]
    [DataRow("{}", 0)]
    public async Task Read_ValidHeader_IsRead(string header, int dataLength) => await Read(File(header, dataLength));

    [TestMethod]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"F16","shape":[2],"data_offsets":[4,8]}}""", 8, "twice")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}}""", 6, "overlap")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[6,10]}}""", 10, "no tensor covers")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}}""", 6, "no tensor covers")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", 3, "cut short")]
    [DataRow("""{"a":{"dtype":"F16","shape":[3],"data_offsets":[0,4]}}""", 4, "takes 6 bytes")]
    [DataRow("""{"a":{"dtype":"F16","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,4]}}""", 4, "too large to multiply")]
    [DataRow("""{"a":{"dtype":"F17","shape":[2],"data_offsets":[0,4]}}""", 4, "unknown type 'F17'")]
    [DataRow("""{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}""", 1, "takes 0 bytes")]
    [DataRow("""{"a":{"dtype":"F16","shape":[-2],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2]}}""", 4, "must have dtype")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[4,0]}}""", 4, "say otherwise")]
    [DataRow("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4],"extra":1}}""", 4, "unknown field")]
    [DataRow("""{"__metadata__":{"a":1}}""", 0, "texts to texts")]
    [DataRow("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "twice")]
    [DataRow("""["a"]""", 0, "must begin with '{'")]
    [DataRow("""{"a":""", 0, "not valid JSON")]
    [DataRow("{} {}", 0, "not valid JSON")]
    public async Task Read_LyingHeader_SaysWhatIsWrong(string header, int dataLength, string expected)
    {
        InvalidModelFileException error = await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(File(header, dataLength)));
        StringAssert.Contains(error.Message, expected);
        StringAssert.StartsWith(error.Message, "x.safetensors: ");
    }

    [TestMethod]
    public async Task Read_HeaderLongerThanTheFile_IsRefusedBeforeAnythingIsAllocated()
    {
        byte[] file = new byte[100];
        BinaryPrimitives.WriteUInt64LittleEndian(file, 99_000_000);
        StringAssert.Contains((await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(file))).Message, "cut short");
        BinaryPrimitives.WriteUInt64LittleEndian(file, ulong.MaxValue);
        StringAssert.Contains((await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(file))).Message, "at most 100000000");
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Read_RandomDamage_EndsInAHeaderOrAnErrorThatIsOurs()
    {
        byte[] whole = File("""{"__metadata__":{"format":"pt"},"b\u00e9":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]},"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", 16);
        var random = new Random(11);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. whole];
            for (int flip = random.Next(1, 4); flip > 0; flip--)
            {
                damaged[random.Next(damaged.Length)] = random.Next(3) switch { 0 => (byte)"{}[]\",:0-9"[random.Next(10)], 1 => 0xFF, _ => (byte)random.Next(256) };
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
    }

    [TestMethod]
    public void Describe_TransformersModel_PublishesWhatItsFilesDeclare()
    {
        DescribedModel model = Describe(
            ("config.json", """{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","max_position_embeddings":32768,"x":NaN}"""u8.ToArray()),
            ("tokenizer_config.json", """{"model_max_length":1e30,"chat_template":"{{ tool_call }}"}"""u8.ToArray()),
            ("README.md", "---\nlicense: mit\npipeline_tag: text-generation\n---\n# hi"u8.ToArray()),
            ("model.safetensors", Vector));

        Assert.AreEqual("Safetensors", model.Resolved.Format);
        Assert.AreEqual("qwen2", model.Resolved.Family);
        Assert.AreEqual("Qwen2ForCausalLM", model.Resolved.Architecture);
        Assert.AreEqual(32768, model.Resolved.ContextWindowTokens);
        Assert.AreEqual(1, model.Resolved.ParameterCount);
        Assert.IsNull(model.Resolved.Quantization);
        CollectionAssert.AreEqual(new[] { "Chat", "TextGeneration" }, model.Resolved.SupportedEndpointTypes!.ToArray());
        CollectionAssert.AreEqual(new[] { "ToolCalling" }, model.Resolved.SupportedFeatures!.ToArray());
        CollectionAssert.AreEqual(new[] { "text-generation" }, model.Tasks.ToArray());
        Assert.IsEmpty(model.CustomCode);
    }

    [TestMethod]
    public void Describe_QuantisedModelWithCode_SaysBothAndCountsNothing()
    {
        DescribedModel model = Describe(
            ("config.json", """{"model_type":"x","auto_map":{"AutoModel":"m.M"},"quantization_config":{"quant_method":"awq","bits":4},"text_config":{"max_position_embeddings":99}}"""u8.ToArray()),
            ("m.py", "import os"u8.ToArray()),
            ("model.safetensors", Vector));

        Assert.AreEqual("awq", model.Resolved.Quantization);
        Assert.AreEqual(99, model.Resolved.ContextWindowTokens);
        Assert.IsNull(model.Resolved.ParameterCount, "packed tensors hold several parameters in one element");
        CollectionAssert.AreEqual(new[] { "m.py" }, model.CustomCode.ToArray());
    }

    [TestMethod]
    [DataRow("""{"weight_map":{"t":"other.safetensors"}}""", "which is not there")]
    [DataRow("""{"weight_map":{"u":"model.safetensors"}}""", "holds tensor 'u'")]
    [DataRow("""{"weight_map":{"t":1}}""", "not the name of a file")]
    [DataRow("""{"metadata":{"total_size":4}}""", "no weight_map")]
    [DataRow("""{"weight_map":{}}""", "no weight_map")]
    [DataRow("""{"weight_map":{"t":"model.safetensors","t":"model.safetensors"}}""", "twice")]
    [DataRow("""{""", "not valid JSON")]
    public void Describe_IndexThatDisagrees_IsRefused(string index, string expected)
    {
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(
            ("config.json", "{}"u8.ToArray()), ("model.safetensors", Vector), ("model.safetensors.index.json", Encoding.UTF8.GetBytes(index))));
        StringAssert.Contains(error.Message, expected);
    }

    [TestMethod]
    [DataRow("""{"model_type":5}""", "config.json: model_type is a JSON Number; it must be a text.")]
    [DataRow("""{"architectures":"BertModel"}""", "architectures is a JSON String; it must be a list of texts")]
    [DataRow("""{"architectures":[1]}""", "it must be a list of texts")]
    [DataRow("""{"max_position_embeddings":"4096"}""", "max_position_embeddings is a JSON String; it must be a number")]
    [DataRow("""{"text_config":{"n_positions":[1]}}""", "n_positions is a JSON Array; it must be a number")]
    [DataRow("[]", "it must be an object")]
    [DataRow("", "not valid JSON")]
    [DataRow("""{"model_type":"\ud800"}""", "not valid JSON")]
    public void Describe_ConfigOfWrongTypes_NamesFieldAndType(string config, string expected)
    {
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(("config.json", Encoding.UTF8.GetBytes(config)), ("model.safetensors", Vector)));
        StringAssert.Contains(error.Message, expected);
    }

    [TestMethod]
    [DataRow("""{"max_position_embeddings":4096.0}""", 4096L)]
    [DataRow("""{"max_position_embeddings":null,"n_positions":1024}""", 1024L)]
    [DataRow("""{"max_position_embeddings":-1,"model_max_length":1e30}""", null)]
    [DataRow("""{"n_ctx":77,"text_config":{"max_position_embeddings":40960}}""", 40960L)]
    [DataRow("""{"max_position_embeddings":0.5}""", null)]
    [DataRow("""{"max_position_embeddings":1,"max_position_embeddings":2}""", 2L)] // as Python reads it, the last one counts
    public void Describe_ContextWindow_IsWhatTheConfigSays(string config, long? expected) =>
        Assert.AreEqual(expected, Describe(("config.json", Encoding.UTF8.GetBytes(config)), ("model.safetensors", Vector)).Resolved.ContextWindowTokens);

    [TestMethod]
    public void Describe_SeveralSetsOfWeights_CountsTheOneALoaderReads()
    {
        byte[] other = File("""{"t":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}""", 7);
        Assert.AreEqual(1, Describe(("config.json", "{}"u8.ToArray()), ("model.safetensors", Vector), ("model.fp32.safetensors", other), ("adapter/x.safetensors", other)).Resolved.ParameterCount);
        Assert.AreEqual(1, Describe(
            ("config.json", "{}"u8.ToArray()), ("a.safetensors", Vector), ("b.safetensors", other),
            ("model.safetensors.index.json", """{"weight_map":{"t":"a.safetensors"}}"""u8.ToArray())).Resolved.ParameterCount);
        Assert.AreEqual(8, Describe(("config.json", "{}"u8.ToArray()), ("a.safetensors", Vector), ("b.safetensors", other), ("adapter_model.safetensors", other)).Resolved.ParameterCount);
    }

    /// <summary>safetensors' own table: type and bits an element.</summary>
    [TestMethod]
    [DataRow("F4 4, F6_E2M3 6, F6_E3M2 6, BOOL 8, U8 8, I8 8, F8_E5M2 8, F8_E4M3 8, F8_E8M0 8, F8_E4M3FNUZ 8, F8_E5M2FNUZ 8, I16 16, U16 16, F16 16, BF16 16, I32 32, U32 32, F32 32, "
        + "I64 64, U64 64, F64 64, C64 64")]
    public async Task Read_EveryType_TakesItsExactSize(string types)
    {
        foreach (string[] type in types.Split(", ").Select(entry => entry.Split(' ')))
        {
            int bytes = int.Parse(type[1]);
            string header = $$$"""{"a":{"dtype":"{{{type[0]}}}","shape":[2,4],"data_offsets":[0,{{{bytes}}}]}}""";
            Assert.AreEqual(8, (await Read(File(header, bytes))).ParameterCount);
            string wrong = header.Replace("[2,4]", "[2,3]", StringComparison.Ordinal);
            StringAssert.Contains((await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Read(File(wrong, bytes)))).Message, "say otherwise");
        }
    }

    [TestMethod]
    public void Describe_MissingShard_NamesIt()
    {
        InvalidModelFileException error = Assert.ThrowsExactly<InvalidModelFileException>(() => Describe(
            ("config.json", "{}"u8.ToArray()), ("model-00001-of-00003.safetensors", Vector), ("model-00003-of-00003.safetensors", Vector)));
        StringAssert.Contains(error.Message, "part 2 of 3 is missing");
    }

    [TestMethod]
    public void LeaveOut_WhatALoaderDoesNotNeed_IsLeftOutWithAReason()
    {
        string[] paths =
        [
            "config.json", "model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "m-Q4_K_M.gguf", "original/params.json", "libevil.so", "run.exe", "data.zip",
            ".gitattributes", "__MACOSX/._x", "modeling.py", "README.md", "tokenizer.json",
        ];
        IReadOnlyDictionary<string, string> leftOut = new SafetensorsFormat().LeaveOut([.. paths.Select(path => new SourceFile(path, 1))], null);
        CollectionAssert.AreEqual(
            new[] { "config.json", "model.safetensors", "modeling.py", "README.md", "tokenizer.json" }, paths.Where(path => !leftOut.ContainsKey(path)).ToArray());
        Assert.IsTrue(leftOut.Values.All(reason => reason.Length > 10));
    }

    private static DescribedModel Describe(params (string Path, byte[] Content)[] files) =>
        new SafetensorsFormat().Describe([.. files.Select(file => new FileInspector()
            .InspectAsync(new MemorySource(file.Content, file.Path), CancellationToken.None).GetAwaiter().GetResult())]);

    private Task<SafetensorsHeader> Read(byte[] bytes) =>
        SafetensorsHeaderReader.ReadAsync(new MemoryStream(bytes), "x.safetensors", bytes.Length, TestContext.CancellationToken);
}
