using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Reading scalars of a <see cref="JsonNode"/> tree without caring how it was made: by <see cref="DocumentDecoder"/> (long, double, string, bool),
/// by JsonNode.Parse (JsonElement) or in code (int …).
/// </summary>
internal static class JsonKinds
{
    /// <summary>The number as a whole number; a double without a fraction counts (JSON has one kind of number).</summary>
    public static bool TryGetInteger(this JsonValue value, out long number)
    {
        if (value.TryGetValue(out number))
        {
            return true;
        }

        if (value.GetValueKind() == JsonValueKind.Number && value.TryGetNumber(out double real) && Math.Abs(real) < 9.2e18 && real == Math.Truncate(real))
        {
            number = (long)real;
            return true;
        }

        return false;
    }

    /// <summary>The number, whatever .NET type holds it.</summary>
    public static bool TryGetNumber(this JsonValue value, out double number)
    {
        if (value.TryGetValue(out number))
        {
            return true;
        }

        if (value.TryGetValue(out long integer))
        {
            number = integer;
            return true;
        }

        return value.GetValueKind() == JsonValueKind.Number
            && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>OpenAPI's word for what a node is: object, array, string, integer, number, boolean, null.</summary>
    public static string TypeName(this JsonNode? node) => node switch
    {
        null => "null",
        JsonObject => "object",
        JsonArray => "array",
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Number => value.TryGetInteger(out _) ? "integer" : "number",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            _ => "null",
        },
        _ => "null",
    };

    /// <summary>Equality of JSON values: order of fields does not matter, 1 equals 1.0. Quick for the scalars that documents are mostly made of.</summary>
    public static bool Same(JsonNode? left, JsonNode? right)
    {
        switch (left, right)
        {
            case (null, null):
                return true;
            case (null, _) or (_, null):
                return false;
            case (JsonObject a, JsonObject b):
                return SameObject(a, b);
            case (JsonArray a, JsonArray b):
                return SameList(a, b);
            case (JsonValue a, JsonValue b):
                return a.TryGetValue(out string? x) && b.TryGetValue(out string? y) ? x == y
                    : a.TryGetValue(out long m) && b.TryGetValue(out long n) ? m == n
                    : JsonNode.DeepEquals(a, b);
            default:
                return false;
        }
    }

    private static bool SameObject(JsonObject left, JsonObject right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        foreach ((string key, JsonNode? value) in left)
        {
            if (!right.TryGetPropertyValue(key, out JsonNode? other) || !Same(value, other))
            {
                return false;
            }
        }

        return true;
    }

    private static bool SameList(JsonArray left, JsonArray right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int i = 0; i < left.Count; i++)
        {
            if (!Same(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }
}
