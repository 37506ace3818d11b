using System.Text;
using System.Text.Json;

namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>The JSON files of models with fields of the right names and, mostly, of the right types.</summary>
internal static class JsonGenerator
{
    public static byte[] Config(Dice dice) => File(dice, $$"""
        {"model_type":{{Or(dice, "\"qwen2\"")}},"architectures":{{Or(dice, "[\"Qwen2ForCausalLM\"]")}},"max_position_embeddings":{{Or(dice, "4096")}},
         "text_config":{{Or(dice, "{\"n_positions\":8}")}},"quantization_config":{{Or(dice, "{\"quant_method\":\"awq\"}")}},"auto_map":{{Or(dice, "{}")}},"x":{{Value(dice, 4)}}}
        """);

    public static byte[] Pipeline(Dice dice) => File(dice, $$"""
        {"_class_name":{{Or(dice, "\"StableDiffusionPipeline\"")}},"unet":{{Or(dice, "[\"diffusers\",\"UNet2DConditionModel\"]")}},"vae":{{Or(dice, "[null,null]")}},
         {{Text(dice.Word())}}:{{Or(dice, "[\"a\",\"b\"]")}},"x":{{Value(dice, 3)}}}
        """);

    public static byte[] Index(Dice dice) => File(dice, $$"""
        {"metadata":{{Or(dice, "{\"total_size\":4}")}},"weight_map":{{Or(dice, $$"""{"t1":"model.safetensors",{{Text(dice.Word())}}:{{Or(dice, "\"model.safetensors\"")}}}""")}}}
        """);

    public static byte[] Tokenizer(Dice dice) =>
        File(dice, $$"""{"model_max_length":{{Or(dice, "1e30")}},"chat_template":{{Or(dice, "[{\"name\":\"x\",\"template\":\"{{tools}}\"}]")}},"y":{{Value(dice, 5)}}}""");

    public static byte[] Card(Dice dice) => Encoding.UTF8.GetBytes($"{(dice.OneIn(4) ? dice.Word() : "---")}\npipeline_tag: {dice.Word()}\n---\n{dice.Word()}");

    public static string Object(Dice dice, int depth) =>
        "{" + string.Join(',', Enumerable.Range(0, dice.Below(4)).Select(_ => $"{Text(dice.Word())}:{Value(dice, depth - 1)}")) + "}";

    public static string Text(string text) => JsonSerializer.Serialize(text);

    private static byte[] File(Dice dice, string json) => dice.OneIn(40) ? Encoding.UTF8.GetBytes(new string('[', 5000)) : Encoding.UTF8.GetBytes(json);

    private static string Or(Dice dice, string right) => dice.OneIn(6) ? Value(dice, 3) : right;

    private static string Value(Dice dice, int depth) => dice.Below(depth > 0 ? 9 : 6) switch
    {
        0 => "null",
        1 => "NaN",
        2 => Text(dice.Word()),
        3 => dice.Number(7).ToString(System.Globalization.CultureInfo.InvariantCulture),
        4 => "-1.5e308",
        5 => "true",
        6 => $"[{Value(dice, depth - 1)},{Value(dice, depth - 1)}]",
        _ => Object(dice, depth),
    };
}
