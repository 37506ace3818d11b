using System.Text;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>The tensors of one file: checked one by one as they come, and together at the end.</summary>
internal sealed class SafetensorsTensors(string path)
{
    // The largest known models have some hundred thousand tensors in all their files. Few enough that what is kept of each (70 bytes) stays small.
    private const int TensorLimit = 1 << 18;

    private readonly HashSet<UInt128> _names = [];
    private readonly List<(ulong Begin, ulong End)> _ranges = [];
    private readonly Dictionary<string, long> _elements = [];
    private long _parameters;

    public void Add(string name, string type, IReadOnlyList<ulong> shape, ulong begin, ulong end)
    {
        if (_names.Count == TensorLimit)
        {
            throw Invalid($"it has more than {TensorLimit} tensors.");
        }

        if (!_names.Add(NameHash.Of(Encoding.UTF8.GetBytes(name))))
        {
            throw Invalid($"tensor '{Shown(name)}' is there twice.");
        }

        if (SafetensorsType.BitsOf(type) is not { } bits)
        {
            throw Invalid($"tensor '{Shown(name)}' has the unknown type '{Shown(type)}'.");
        }

        ulong elements = Elements(name, shape);
        UInt128 size = (UInt128)elements * (ulong)bits;
        if (begin > end || size % 8 != 0 || size != (UInt128)(end - begin) * 8)
        {
            throw Invalid(
                $"tensor '{Shown(name)}' of type {type} and shape [{string.Join(',', shape)}] takes {size / 8} bytes, but data_offsets [{begin},{end}] say otherwise.");
        }

        _ranges.Add((begin, end));
        _parameters = Sum(_parameters, elements);
        _elements[type] = Sum(_elements.GetValueOrDefault(type), elements);
    }

    /// <summary>All tensors together must fill the data exactly.</summary>
    public SafetensorsHeader Check(long dataLength)
    {
        _ranges.Sort();
        ulong position = 0;
        foreach ((ulong begin, ulong end) in _ranges)
        {
            if (begin != position)
            {
                throw Invalid(begin > position
                    ? $"no tensor covers the data from {position} to {begin}."
                    : $"two tensors overlap at {begin}.");
            }

            position = end;
        }

        if (position != (ulong)dataLength)
        {
            throw Invalid(position > (ulong)dataLength
                ? $"its tensors need {position} bytes of data and the file has {dataLength}: it is cut short. Upload or fetch it again."
                : $"its tensors end after {position} bytes of data and the file has {dataLength}: there are bytes that belong to none.");
        }

        UInt128[] names = [.. _names];
        Array.Sort(names);
        return new SafetensorsHeader { ParameterCount = _parameters, ElementsByType = _elements, Tensors = names, DataLength = dataLength };
    }

    private ulong Elements(string name, IReadOnlyList<ulong> shape)
    {
        ulong elements = 1;
        foreach (ulong size in shape)
        {
            UInt128 product = (UInt128)elements * size;
            elements = product <= long.MaxValue ? (ulong)product : throw Invalid($"the shape of tensor '{Shown(name)}' is too large to multiply.");
        }

        return elements;
    }

    private static long Sum(long left, ulong right) => left > long.MaxValue - (long)right ? long.MaxValue : left + (long)right;

    private InvalidModelFileException Invalid(string problem) => new(path, problem);

    private static string Shown(string name) => name.Length <= 100 ? name : string.Concat(name.AsSpan(0, 100), "…");
}
