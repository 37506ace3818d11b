namespace AiModels.Controllers.Preparation.Formats;

/// <summary>How much is read of a file that describes a model.</summary>
/// <param name="IsBeginningEnough">A longer one is read up to there; otherwise it is refused.</param>
internal readonly record struct DescriptionLimit(int Bytes, bool IsBeginningEnough);

/// <summary>The files that describe a model, by name.</summary>
internal static class DescriptionLimits
{
    // A parsed JSON document takes up to seven times its bytes.
    private static readonly DescriptionLimit Config = new(1 << 20, false);

    // With thousands of added tokens.
    private static readonly DescriptionLimit Tokenizer = new(4 << 20, false);

    // A line for each of a hundred thousand tensors; read token by token.
    private static readonly DescriptionLimit Index = new(24 << 20, false);

    // What an author declares stands at the top.
    private static readonly DescriptionLimit Card = new(256 << 10, true);

    /// <summary>Null for a file that describes nothing.</summary>
    public static DescriptionLimit? Of(SourceFile file) => file.Name switch
    {
        "config.json" or "model_index.json" or "modules.json" or "adapter_config.json" or "chat_template.jinja" => Config,
        "tokenizer_config.json" or "chat_template.json" => Tokenizer,
        "README.md" => Card,
        _ => WeightIndex.IsIndex(file) ? Index : null,
    };
}
