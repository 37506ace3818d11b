using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>What can be done with values: null, bool, long, double, string; lists and maps, of documents or made by the expression.</summary>
internal static class CelValues
{
    public static CelException NoOverload(string what) => new($"no such overload: {what}");

    /// <summary>A document's node as a value; objects and arrays stay what they are.</summary>
    public static object? Of(JsonNode? node)
    {
        if (node is not JsonValue value)
        {
            return node;
        }

        return value.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.Number => value.TryGetValue(out long whole) ? whole : value.TryGetValue(out int small) ? (long)small : double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture),
            _ => null,
        };
    }

    /// <summary>Items of a list, or keys of a map; null for what has none.</summary>
    public static IEnumerable<object?>? ItemsOf(object? value) => value switch
    {
        JsonArray array => array.Select(Of),
        List<object?> list => list,
        JsonObject obj => obj.Select(field => (object?)field.Key),
        Dictionary<object, object?> map => map.Keys,
        _ => null,
    };

    public static object? Index(object? target, object? key)
    {
        switch (target)
        {
            case JsonObject obj when key is string name:
                return obj.TryGetPropertyValue(name, out JsonNode? found) ? Of(found) : throw new CelException($"no such key: {name}");
            case Dictionary<object, object?> map when key is not null:
                return map.TryGetValue(key, out object? value) ? value : throw new CelException($"no such key: {key}");
            case JsonArray or List<object?> when key is long at:
                object?[] items = [.. ItemsOf(target)!];
                return at >= 0 && at < items.Length ? items[at] : throw new CelException($"index out of bounds: {at}");
            default:
                throw key is string field && target is null ? new CelException($"no such key: {field}") : NoOverload("_[_]");
        }
    }

    public static bool HasKey(object? target, string name) => target switch
    {
        JsonObject obj => obj.ContainsKey(name),
        Dictionary<object, object?> map => map.ContainsKey(name),
        null => throw new CelException($"no such key: {name}"),
        _ => throw NoOverload("has"),
    };

    public static bool Contains(object? container, object? value) =>
        (ItemsOf(container) ?? throw NoOverload("@in")).Any(item => AreEqual(item, value));

    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (null, _) or (_, null) => false,
        (long or double, long or double) => Number(left).Equals(Number(right)) && (left is not long a || right is not long b || a == b),
        (string a, string b) => string.Equals(a, b, StringComparison.Ordinal),
        (bool a, bool b) => a == b,
        (JsonArray or List<object?>, JsonArray or List<object?>) => ItemsEqual([.. ItemsOf(left)!], [.. ItemsOf(right)!]),
        (JsonObject or Dictionary<object, object?>, JsonObject or Dictionary<object, object?>) => EntriesEqual(left, right),
        _ => false,
    };

    public static int Compare(object? left, object? right, string what) => (left, right) switch
    {
        (long a, long b) => a.CompareTo(b),
        (long or double, long or double) => Number(left).CompareTo(Number(right)),
        (string a, string b) => string.CompareOrdinal(a, b),
        (bool a, bool b) => a.CompareTo(b),
        _ => throw NoOverload(what),
    };

    public static object Calculate(string sign, object? left, object? right)
    {
        try
        {
            return (sign, left, right) switch
            {
                ("+", long a, long b) => checked(a + b),
                ("-", long a, long b) => checked(a - b),
                ("*", long a, long b) => checked(a * b),
                ("/", long, 0L) => throw new CelException("division by zero"),
                ("%", long, 0L) => throw new CelException("modulus by zero"),
                ("/", long a, long b) => checked(a / b),
                ("%", long a, long b) => b == -1 ? 0L : a % b,
                ("+", double a, double b) => a + b,
                ("-", double a, double b) => a - b,
                ("*", double a, double b) => a * b,
                ("/", double a, double b) => a / b,
                ("+", string a, string b) => a + b,
                ("+", JsonArray or List<object?>, JsonArray or List<object?>) => ItemsOf(left)!.Concat(ItemsOf(right)!).ToList(),
                _ => throw NoOverload(sign),
            };
        }
        catch (OverflowException)
        {
            throw new CelException("return error for overflow");
        }
    }

    private static double Number(object? value) => value is long whole ? whole : (double)value!;

    private static bool ItemsEqual(object?[] left, object?[] right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        for (int i = 0; i < left.Length; i++)
        {
            if (!AreEqual(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool EntriesEqual(object left, object right)
    {
        object?[] keys = [.. ItemsOf(left)!];
        return keys.Length == ItemsOf(right)!.Count() && keys.All(key => Contains(right, key) && AreEqual(Index(left, key), Index(right, key)));
    }
}
