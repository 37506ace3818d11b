using System.Text;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Diffusers;
using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats.Pickle;

namespace AiModels.Controllers.Tests.Preparation.Formats.Diffusers;

[TestClass]
public sealed class DiffusersTests
{
    private const string Index = """
        {"_class_name":"StableDiffusionPipeline","_diffusers_version":"0.30.0","requires_safety_checker":true,"sizes":[1,2],"safety_checker":[null,null],
         "scheduler":["diffusers","PNDMScheduler"],"text_encoder":["transformers","CLIPTextModel"],"unet":["diffusers","UNet2DConditionModel"]}
        """;

    private readonly DiffusersFormat _format = new();

    public static byte[] Weights { get; } = SafetensorsTests.File("""{"t":{"dtype":"F16","shape":[10,5],"data_offsets":[0,100]}}""", 100);

    /// <summary>A whole pipeline of three components with 100 parameters.</summary>
    public static (string Path, byte[] Content)[] Pipeline { get; } =
    [
        ("model_index.json", Encoding.UTF8.GetBytes(Index)),
        ("scheduler/scheduler_config.json", "{}"u8.ToArray()),
        ("text_encoder/config.json", """{"architectures":["CLIPTextModel"]}"""u8.ToArray()),
        ("text_encoder/model.safetensors", Weights),
        ("unet/config.json", """{"_class_name":"UNet2DConditionModel"}"""u8.ToArray()),
        ("unet/diffusion_pytorch_model.safetensors", Weights),
    ];

    [TestMethod]
    public async Task Describe_WholePipeline_SaysClassTaskAndParameters()
    {
        ResolvedModel resolved = (await DescribeAsync(Pipeline)).Resolved;
        Assert.AreEqual("Diffusers", resolved.Format);
        Assert.AreEqual("StableDiffusionPipeline", resolved.Architecture);
        Assert.IsNull(resolved.Family);
        Assert.AreEqual(100, resolved.ParameterCount);
        Assert.IsNull(resolved.ContextWindowTokens);
        CollectionAssert.AreEqual((string[])["ImageGeneration"], resolved.SupportedEndpointTypes!.ToArray());
        CollectionAssert.AreEqual((string[])["ImageOutput"], resolved.SupportedFeatures!.ToArray());
    }

    [TestMethod]
    [DataRow("\"FluxKontextPipeline\"", "ImageGeneration", "VisionInput,ImageOutput")]
    [DataRow("\"StableVideoDiffusionPipeline\"", "VideoGeneration", "VisionInput,VideoOutput")]
    [DataRow("\"StableAudioPipeline\"", "AudioGeneration", "AudioOutput")]
    [DataRow("\"StableDiffusionPipelineOfMine\"", "", "")] // a class that nobody knows implies nothing
    [DataRow("[\"my_pipeline\",\"MyPipeline\"]", "", "")]
    public async Task Describe_PipelineClass_ImpliesItsTaskExactly(string name, string endpoints, string features)
    {
        DescribedModel described = await DescribeAsync(With(Pipeline, "model_index.json", Index.Replace("\"StableDiffusionPipeline\"", name, StringComparison.Ordinal)));
        Assert.AreEqual(endpoints, string.Join(',', described.Resolved.SupportedEndpointTypes ?? []));
        Assert.AreEqual(features, string.Join(',', described.Resolved.SupportedFeatures ?? []));
        Assert.AreEqual(name[0] == '[', described.CustomCode.Count > 0);
    }

    [TestMethod]
    public async Task Describe_PickledWeights_AreScannedAndCounted()
    {
        (string, byte[])[] files = [.. Without(Pipeline, "unet/diffusion_pytorch_model.safetensors"), ("unet/diffusion_pytorch_model.bin", TorchZip.Of(TorchZip.StateDict()))];
        Assert.AreEqual(50 + 6, (await DescribeAsync(files)).Resolved.ParameterCount);

        files[^1].Item2 = TorchZip.Of(Convert.FromHexString(PickleVectors.Attacks[4]));
        StringAssert.StartsWith(await ProblemAsync(files), "unet/diffusion_pytorch_model.bin: at offset ");
    }

    [TestMethod]
    [DataRow("quantization_config", "bitsandbytes", null)]
    [DataRow("other", null, 100L)]
    public async Task Describe_QuantizedComponent_SaysTheMethodAndNoCount(string field, string? method, long? parameters)
    {
        ResolvedModel resolved = (await DescribeAsync(With(
            Pipeline, "unet/config.json", $$$"""{"_class_name":"UNet2DConditionModel","{{{field}}}":{"quant_method":"bitsandbytes"}}"""))).Resolved;
        Assert.AreEqual(method, resolved.Quantization);
        Assert.AreEqual(parameters, resolved.ParameterCount);
    }

    [TestMethod]
    [DataRow("[]", "model_index.json: it is a JSON Array")]
    [DataRow("{", "model_index.json: it is not valid JSON")]
    [DataRow("{}", "no _class_name")]
    [DataRow("""{"_class_name":7}""", "no _class_name")]
    [DataRow("""{"_class_name":"X","vae":["diffusers","AutoencoderKL"]}""", "component 'vae', and there is no folder vae/")]
    [DataRow("""{"_class_name":"X","..":["diffusers","AutoencoderKL"]}""", "cannot be the name of a folder")]
    [DataRow("""{"_class_name":"X","unet":["diffusers","A"],"unet":["diffusers","B"]}""", "twice")]
    [DataRow("""{"_class_name":"X","scheduler":["diffusers","PNDMScheduler"]}""", "none of the components it names has weights")]
    public async Task Describe_WrongIndex_SaysWhatIsWrong(string index, string expected) =>
        StringAssert.Contains(await ProblemAsync(With(Pipeline, "model_index.json", index)), expected);

    [TestMethod]
    public async Task Describe_IncompleteComponents_AreRefused()
    {
        StringAssert.Contains(await ProblemAsync(Without(Pipeline, "unet/diffusion_pytorch_model.safetensors")), "unet/config.json: it describes a network, and there are no weights");
        StringAssert.Contains(await ProblemAsync(With(Pipeline, "unet/config.json", "[]")), "unet/config.json: it is a JSON Array");
        StringAssert.Contains(
            await ProblemAsync([.. Without(Pipeline, "unet/diffusion_pytorch_model.safetensors"), ("unet/diffusion_pytorch_model-00001-of-00002.safetensors", Weights)]),
            "part 2 of 2 is missing");
        StringAssert.Contains(
            await ProblemAsync([.. Pipeline, ("unet/diffusion_pytorch_model.safetensors.index.json", """{"weight_map":{"t":"gone.safetensors"}}"""u8.ToArray())]),
            "names unet/gone.safetensors, which is not there");
        await DescribeAsync([.. Pipeline, ("unet/diffusion_pytorch_model.safetensors.index.json", """{"weight_map":{"t":"diffusion_pytorch_model.safetensors"}}"""u8.ToArray())]);
    }

    [TestMethod]
    [DataRow(null, "text_encoder/model.safetensors unet/diffusion_pytorch_model.safetensors vae/diffusion_pytorch_model.fp16.safetensors")]
    [DataRow("unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/model.safetensors unet/diffusion_pytorch_model.fp16.safetensors vae/diffusion_pytorch_model.fp16.safetensors")]
    public void LeaveOut_VariantsAndDuplicates_KeepsOneSetOfEachComponent(string? preferred, string kept)
    {
        SourceFile[] files =
        [
            .. ((string[])
            [
                "model_index.json", "v1-5-pruned.safetensors", "v1-5-pruned.ckpt", "text_encoder/model.safetensors", "text_encoder/pytorch_model.bin",
                "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin",
                "unet/diffusion_pytorch_model.non_ema.bin", "unet/diffusion_flax_model.msgpack", "unet/model.onnx", "unet/openvino_model.bin",
                "vae/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.fp16.bin", "vae/x.so",
            ]).Select(path => new SourceFile(path, 1)),
        ];
        IReadOnlyDictionary<string, string> leftOut = _format.LeaveOut(files, preferred);
        Assert.AreEqual("model_index.json " + kept, string.Join(' ', files.Select(file => file.Path).Where(path => !leftOut.ContainsKey(path))));
    }

    [TestMethod]
    public void LeaveOut_ShardsOfAVariant_AreKeptWithTheirIndex()
    {
        SourceFile[] files =
        [
            .. ((string[])
            [
                "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors", "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.fp16.json", "vae/diffusion_pytorch_model-00001-of-00001.fp16.safetensors", "vae/pytorch_model.bin.index.json",
                "vae/pytorch_model-00001-of-00001.bin",
            ]).Select(path => new SourceFile(path, 1)),
        ];
        IReadOnlyDictionary<string, string> leftOut = _format.LeaveOut(files, "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors");
        CollectionAssert.AreEquivalent((string[])["vae/pytorch_model.bin.index.json", "vae/pytorch_model-00001-of-00001.bin"], leftOut.Keys.ToArray());
        leftOut = _format.LeaveOut(files, null);
        CollectionAssert.AreEquivalent((string[])["vae/diffusion_pytorch_model-00001-of-00001.fp16.safetensors"], leftOut.Keys.ToArray());
    }

    private static (string Path, byte[] Content)[] Without((string Path, byte[] Content)[] files, string path) => [.. files.Where(file => file.Path != path)];

    private static (string Path, byte[] Content)[] With((string Path, byte[] Content)[] files, string path, string content) =>
        [.. Without(files, path), (path, Encoding.UTF8.GetBytes(content))];

    private async Task<DescribedModel> DescribeAsync((string Path, byte[] Content)[] files)
    {
        List<ModelFile> inspected = [];
        foreach ((string path, byte[] content) in files)
        {
            inspected.Add(await new FileInspector().InspectAsync(new MemorySource(content, path), CancellationToken.None));
        }

        return _format.Describe(inspected);
    }

    private async Task<string> ProblemAsync((string Path, byte[] Content)[] files) =>
        (await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => DescribeAsync(files))).Message;
}
