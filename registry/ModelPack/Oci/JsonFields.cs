using System.Text.Json;

namespace AiModels.ModelPack.Oci;

/// <summary>Reads fields out of untrusted JSON documents; every complaint names the field's path.</summary>
internal static class JsonFields
{
    // 16: manifests and configs nest four deep; anything much deeper is an attack.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Parses an object; duplicate properties, comments, trailing commas and deep nesting are refused.</summary>
    public static JsonDocument ParseObject(ReadOnlyMemory<byte> content, string document, int maxBytes)
    {
        if (content.Length > maxBytes)
        {
            throw new OciFormatException(document, $"has {content.Length} bytes, more than the {maxBytes} allowed");
        }

        JsonDocument parsed;
        try
        {
            parsed = JsonDocument.Parse(content, Strict);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: the check for duplicates unescapes names, and a lone surrogate in one is no text.
            throw new OciFormatException(document, $"is not valid JSON: {e.Message}", e);
        }

        if (parsed.RootElement.ValueKind != JsonValueKind.Object)
        {
            parsed.Dispose();
            throw new OciFormatException(document, "is not a JSON object");
        }

        return parsed;
    }

    /// <summary>The property when it is there and not null.</summary>
    public static JsonElement? Find(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? OptionalString(JsonElement element, string path, string name, int maxLength = 4096)
    {
        if (Find(element, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw new OciFormatException(Join(path, name), $"must be a string, not {Describe(value)}");
        }

        string text = ReadString(value, Join(path, name));
        return text.Length <= maxLength ? text : throw new OciFormatException(Join(path, name), $"has {text.Length} characters, more than the {maxLength} allowed");
    }

    public static string RequiredString(JsonElement element, string path, string name, int maxLength = 4096) =>
        OptionalString(element, path, name, maxLength) is { Length: > 0 } text ? text : throw new OciFormatException(Join(path, name), "is required");

    public static long RequiredLong(JsonElement element, string path, string name)
    {
        JsonElement value = Find(element, name) ?? throw new OciFormatException(Join(path, name), "is required");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= 0
            ? number
            : throw new OciFormatException(Join(path, name), "must be a whole number of at least 0");
    }

    public static Digest RequiredDigest(JsonElement element, string path, string name)
    {
        string text = RequiredString(element, path, name);
        return Digest.TryParse(text, out Digest digest) ? digest : throw new OciFormatException(Join(path, name), $"'{text}' is not a digest: want sha256: and 64 lower-case hex digits");
    }

    public static JsonElement RequiredObject(JsonElement element, string path, string name)
    {
        JsonElement value = Find(element, name) ?? throw new OciFormatException(Join(path, name), "is required");
        return value.ValueKind == JsonValueKind.Object ? value : throw new OciFormatException(Join(path, name), $"must be an object, not {Describe(value)}");
    }

    public static JsonElement? OptionalArray(JsonElement element, string path, string name, int maxItems)
    {
        if (Find(element, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw new OciFormatException(Join(path, name), $"must be a list, not {Describe(value)}");
        }

        int count = value.GetArrayLength();
        return count <= maxItems ? value : throw new OciFormatException(Join(path, name), $"has {count} items, more than the {maxItems} allowed");
    }

    public static IReadOnlyDictionary<string, string>? OptionalStringMap(JsonElement element, string path, string name)
    {
        if (Find(element, name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new OciFormatException(Join(path, name), $"must be an object, not {Describe(value)}");
        }

        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string field = $"{Join(path, name)}[{PropertyName(property, Join(path, name))}]";
            map[property.Name] = property.Value.ValueKind == JsonValueKind.String ? ReadString(property.Value, field) : throw new OciFormatException(field, "must be a string");
        }

        return map;
    }

    public static IReadOnlyList<string>? OptionalStrings(JsonElement element, string path, string name, int maxItems = 1024)
    {
        if (OptionalArray(element, path, name, maxItems) is not { } list)
        {
            return null;
        }

        var texts = new List<string>(list.GetArrayLength());
        foreach (JsonElement item in list.EnumerateArray())
        {
            string field = $"{Join(path, name)}[{texts.Count}]";
            texts.Add(item.ValueKind == JsonValueKind.String ? ReadString(item, field) : throw new OciFormatException(field, "must be a string"));
        }

        return texts;
    }

    public static bool ReadBoolean(JsonElement value, string field) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw new OciFormatException(field, "must be true or false"),
    };

    /// <summary>Refuses fields beyond the ones named: schemas with additionalProperties: false.</summary>
    public static void OnlyFields(JsonElement element, string path, params ReadOnlySpan<string> allowed)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string name = PropertyName(property, path);
            if (!allowed.Contains(name))
            {
                throw new OciFormatException(Join(path, name), "is not a field of this document");
            }
        }
    }

    /// <summary>The text of a string element; an escaped lone surrogate is no text.</summary>
    public static string ReadString(JsonElement value, string field)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new OciFormatException(field, "is not valid Unicode text", e);
        }
    }

    public static string PropertyName(JsonProperty property, string path)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new OciFormatException(path, "has a key that is not valid Unicode text", e);
        }
    }

    public static string Join(string path, string name) => path.Length == 0 ? name : path + "." + name;

    private static string Describe(JsonElement value) => value.ValueKind.ToString().ToLowerInvariant();
}
