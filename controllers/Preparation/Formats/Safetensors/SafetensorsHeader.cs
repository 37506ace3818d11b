namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>What the header of a safetensors file says, checked against the file's length.</summary>
internal sealed record SafetensorsHeader
{
    /// <summary>Elements of all tensors. Packed quantised tensors understate the parameters.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Elements by type.</summary>
    public required IReadOnlyDictionary<string, long> ElementsByType { get; init; }

    /// <summary>The tensors' names as <see cref="NameHash"/>, sorted.</summary>
    public required UInt128[] Tensors { get; init; }

    public bool HasTensor(UInt128 nameHash) => Array.BinarySearch(Tensors, nameHash) >= 0;

    /// <summary>Bytes of tensor data.</summary>
    public required long DataLength { get; init; }
}
