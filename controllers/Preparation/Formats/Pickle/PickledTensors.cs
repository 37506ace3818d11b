namespace AiModels.Controllers.Preparation.Formats.Pickle;

/// <summary>
/// Counts the elements of the tensors that a pickle of torch.save would make. Exact or nothing: each tensor must be the whole of its storage, as in a state
/// dict that was saved as it is; tensors that share one storage (tied weights) are one. What stands in for a value never holds another such value, so a
/// pickle that nests them cannot fill memory.
/// </summary>
internal sealed class PickledTensors
{
    private readonly HashSet<string> _storages = [];
    private UInt128 _elements;
    private bool _isInexact;

    /// <summary>Null when they cannot be told exactly, or when there are none.</summary>
    public long? Elements => !_isInexact && _elements > 0 && _elements <= long.MaxValue ? (long)_elements : null;

    /// <summary>What stands in for a tuple: of numbers their product, of a storage's id the storage, of a tensor's arguments both; else nothing that is looked at.</summary>
    public static object Tuple(ReadOnlySpan<object> items) => items switch
    {
        ["storage", var type, string key, string, long elements, ..] when PickleStack.IsImport(type) && items.Length <= 6 && elements >= 0 => new StorageId(key, elements),
        [StorageData storage, long offset, Shape shape, ..] => new Arguments(storage.Key, offset == 0 && storage.Elements == shape.Elements, storage.Elements),
        _ => Product(items) is { } product ? new Shape(product) : PickleStack.Other,
    };

    /// <summary>What a persistent id stands for.</summary>
    public static object Storage(object id) => id is StorageId storage ? new StorageData(storage.Key, storage.Elements) : PickleStack.Other;

    /// <summary>An import is called.</summary>
    public void Called(object import, object arguments)
    {
        if (import == PickleStack.ArrayImport || (import == PickleStack.TensorImport && arguments is not Arguments { IsWhole: true }))
        {
            _isInexact = true;
        }
        else if (import == PickleStack.TensorImport && arguments is Arguments tensor && _storages.Add(tensor.Storage))
        {
            _elements += (ulong)tensor.Elements;
        }
    }

    /// <summary>Null when they are not all numbers from 0, or no tensor can be as large.</summary>
    private static long? Product(ReadOnlySpan<object> items)
    {
        UInt128 product = 1;
        foreach (object item in items)
        {
            if (item is not long number || number < 0 || (product *= (ulong)number) > long.MaxValue)
            {
                return null;
            }
        }

        return (long)product;
    }

    private sealed record Shape(long Elements);

    private sealed record StorageId(string Key, long Elements);

    private sealed record StorageData(string Key, long Elements);

    private sealed record Arguments(string Storage, bool IsWhole, long Elements);
}
