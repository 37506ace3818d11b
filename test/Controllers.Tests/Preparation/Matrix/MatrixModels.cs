using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.Controllers.Tests.Preparation.Formats.Diffusers;

namespace AiModels.Controllers.Tests.Preparation.Matrix;

/// <summary>A small model of each format, every weight file larger than what is read of headers.</summary>
internal static class MatrixModels
{
    public const string Gguf = "gguf";

    // A header is read by ranges of 512 KiB: a request for more is for the bytes.
    private const int WeightBytes = 700_000;

    public static readonly IReadOnlyDictionary<string, (string Path, byte[] Content)[]> Formats = new Dictionary<string, (string, byte[])[]>
    {
        ["safetensors"] =
        [
            ("config.json", """{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"]}"""u8.ToArray()),
            .. Enumerable.Range(1, 6).Select(part => ($"model-{part:00000}-of-00006.safetensors", Weights($"t{part}", part))),
        ],
        [Gguf] = [("model.gguf", new GgufFile().With("general.architecture", "llama").Tensor("a", 256, 3000).Bytes())],
        ["diffusers"] =
        [
            .. DiffusersTests.Pipeline.Select((file, number) => file.Path.EndsWith(".safetensors", StringComparison.Ordinal) ? (file.Path, Weights("t", number)) : file),
        ],
    };

    /// <summary>GGUF with more than two chunks of 16 MiB.</summary>
    public static readonly byte[] LargeGguf = new GgufFile().With("general.architecture", "llama").Tensor("a", 256, 75_000).Bytes();

    private static byte[] Weights(string tensor, int seed)
    {
        byte[] file = SafetensorsTests.File($$$"""{"{{{tensor}}}":{"dtype":"U8","shape":[{{{WeightBytes}}}],"data_offsets":[0,{{{WeightBytes}}}]}}""", WeightBytes);
        new Random(seed).NextBytes(file.AsSpan(file.Length - WeightBytes));
        return file;
    }
}
