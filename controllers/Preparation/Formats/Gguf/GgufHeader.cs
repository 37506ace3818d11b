namespace AiModels.Controllers.Preparation.Formats.Gguf;

/// <summary>What the header of a GGUF file says, checked against the file's length.</summary>
internal sealed record GgufHeader
{
    public required uint Version { get; init; }

    /// <summary>Scalar metadata. Arrays are not kept (a tokenizer's fill megabytes), nor strings longer than a quarter of a megabyte.</summary>
    public required IReadOnlyDictionary<string, object> Metadata { get; init; }

    public required long TensorCount { get; init; }

    /// <summary>Elements of all tensors.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Elements by the name of their storage type.</summary>
    public required IReadOnlyDictionary<string, long> ElementsByType { get; init; }

    /// <summary>Bytes that the kept metadata takes, about.</summary>
    public required long KeptBytes { get; init; }

    /// <summary>Where tensor data begins.</summary>
    public required long DataOffset { get; init; }

    /// <summary>general.architecture, for instance llama.</summary>
    public string? Architecture => Text("general.architecture");

    public string? Text(string key) => Metadata.GetValueOrDefault(key) as string;

    /// <summary>A count, whichever integer type it was written as.</summary>
    public ulong? Number(string key) => Metadata.GetValueOrDefault(key) switch
    {
        ulong value => value,
        long value and >= 0 => (ulong)value,
        _ => null,
    };

    public bool? Flag(string key) => Metadata.GetValueOrDefault(key) as bool?;
}
