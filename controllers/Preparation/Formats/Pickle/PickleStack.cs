using System.Runtime.InteropServices;

namespace AiModels.Controllers.Preparation.Formats.Pickle;

/// <summary>
/// The unpickler's stack, marks and memo with stand-ins for values: short texts (which may name an import), imports, numbers and what
/// tensors are made of (<see cref="PickledTensors"/>), and everything else. Bounded, whatever
/// the pickle does.
/// </summary>
internal sealed class PickleStack(Func<string, InvalidModelFileException> invalid)
{
    // The largest known models have some ten thousand tensors with about ten entries each.
    private const int EntryLimit = 1 << 18;

    // Names of modules and of what is in them; a longer text cannot be on the list of what is allowed.
    private const int TextLimit = 200;

    // All texts together. Beyond it they are no longer told apart, and an import by text is then refused.
    private const long TextsLimit = 4 << 20;

    private readonly List<object> _stack = [];
    private readonly List<int> _marks = [];
    private readonly List<object?> _memo = [];
    private long _texts;
    private int _memoized;

    /// <summary>A value that no rule looks into.</summary>
    public static object Other { get; } = new();

    /// <summary>What an allowed import gave that makes no tensors.</summary>
    public static object Import { get; } = new();

    /// <summary>The import that makes a tensor of a storage.</summary>
    public static object TensorImport { get; } = new();

    /// <summary>Imports that make arrays of their own, without a storage of torch's.</summary>
    public static object ArrayImport { get; } = new();

    public static object ImportOf(string module, string name) =>
        name == "_rebuild_tensor_v2" ? TensorImport : module.StartsWith("numpy", StringComparison.Ordinal) ? ArrayImport : Import;

    public static bool IsImport(object? value) => value == Import || value == TensorImport || value == ArrayImport;

    /// <summary>The values above the last mark, to be looked at before anything else is done.</summary>
    public ReadOnlySpan<object> AboveMark() => CollectionsMarshal.AsSpan(_stack)[Floor..];

    /// <summary>The last values, likewise.</summary>
    public ReadOnlySpan<object> Last(int count) => _stack.Count - Floor >= count ? CollectionsMarshal.AsSpan(_stack)[^count..] : throw Underflow();

    /// <summary>The longest text in bytes that is worth decoding.</summary>
    public static int LongestText => TextLimit;

    public object Top => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    public void Push(object value)
    {
        if (_stack.Count == EntryLimit)
        {
            throw invalid($"its stack has more than {EntryLimit} entries.");
        }

        if (value is string text)
        {
            _texts += text.Length;
            value = text.Length <= TextLimit && _texts <= TextsLimit ? text : Other;
        }

        _stack.Add(value);
    }

    public object Pop()
    {
        object top = Top;
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    /// <summary>POP takes a mark where there is no value above it.</summary>
    public void PopValueOrMark()
    {
        if (_stack.Count == Floor && _marks.Count > 0)
        {
            _marks.RemoveAt(_marks.Count - 1);
        }
        else
        {
            Pop();
        }
    }

    public void Mark()
    {
        if (_marks.Count == EntryLimit)
        {
            throw invalid($"it has more than {EntryLimit} marks.");
        }

        _marks.Add(_stack.Count);
    }

    /// <summary>Takes everything above the last mark and the mark. Returns what was lowest, null when nothing was there.</summary>
    public object? PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw invalid("it looks for a mark that was never set.");
        }

        int mark = _marks[^1];
        object? lowest = _stack.Count > mark ? _stack[mark] : null;
        _stack.RemoveRange(mark, _stack.Count - mark);
        _marks.RemoveAt(_marks.Count - 1);
        return lowest;
    }

    public void Replace(int count, object value)
    {
        for (int i = 0; i < count; i++)
        {
            Pop();
        }

        Push(value);
    }

    /// <summary>MEMOIZE counts by itself.</summary>
    public void Memoize() => Put((ulong)_memoized);

    public void Put(ulong index)
    {
        if (index >= EntryLimit)
        {
            throw invalid($"it remembers a value under the number {index}; up to {EntryLimit - 1} is allowed.");
        }

        object value = Top;
        while (_memo.Count <= (int)index)
        {
            _memo.Add(null);
        }

        _memoized += _memo[(int)index] is null ? 1 : 0;
        _memo[(int)index] = value;
    }

    public void Get(ulong index) =>
        Push(index < (ulong)_memo.Count && _memo[(int)index] is { } value ? value : throw invalid($"it recalls the value number {index}, which it never remembered."));

    private InvalidModelFileException Underflow() => invalid("it takes more from its stack than there is.");
}
