using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Checks a document against its schema and reports everything that is wrong, in the words of the custom resource validator (contract E6).
/// Unknown fields are none of its business: <see cref="SchemaPruner"/> has removed them.
/// </summary>
public static class SchemaValidator
{
    /// <summary>All errors of an object. Its metadata is left to <see cref="ObjectMetaRules"/> and <see cref="ObjectMetaShape"/>.</summary>
    public static IReadOnlyList<FieldError> Validate(Schema schema, JsonObject obj)
    {
        var walk = new Walk();
        walk.Object(schema, obj, isRoot: true);
        return walk.Errors ?? (IReadOnlyList<FieldError>)[];
    }

    private sealed class Walk
    {
        private readonly PathTrail _path = new();

        public List<FieldError>? Errors { get; private set; }

        public void Object(Schema schema, JsonObject obj, bool isRoot = false)
        {
            foreach (string required in schema.Required)
            {
                if (!obj.ContainsKey(required))
                {
                    Add(FieldError.Required(_path.With(required)));
                }
            }

            foreach ((string key, JsonNode? value) in obj)
            {
                Schema? field = schema.Properties.TryGetValue(key, out Schema? known) ? known : schema.AdditionalProperties;
                if (field is not null && !(isRoot && key == "metadata"))
                {
                    _path.Push(key);
                    Value(field, value);
                    _path.Pop();
                }
            }
        }

        private void Value(Schema schema, JsonNode? node)
        {
            if (node is null && (schema.Nullable || schema.Type == SchemaType.Any))
            {
                return;
            }

            if (!HasType(schema, node))
            {
                string expected = schema.IntOrString ? "integer,string" : schema.Type.ToString().ToLowerInvariant();
                string actual = node.TypeName();
                Add(new FieldError(
                    FieldErrorType.TypeInvalid, _path.ToString(), FieldError.Quote(actual), $"{_path} in body must be of type {expected}: {FieldError.Quote(actual)}"));
                return;
            }

            switch (node)
            {
                case JsonObject obj:
                    Object(schema, obj);
                    break;
                case JsonArray list:
                    List(schema, list);
                    break;
                case JsonValue value when value.TryGetValue(out string? text):
                    Text(schema, text);
                    break;
                case JsonValue value when schema.Minimum is not null || schema.Maximum is not null:
                    Number(schema, value);
                    break;
            }
        }

        private static bool HasType(Schema schema, JsonNode? node)
        {
            JsonValueKind kind = node switch
            {
                null => JsonValueKind.Null,
                JsonValue value => value.GetValueKind(),
                JsonObject => JsonValueKind.Object,
                _ => JsonValueKind.Array,
            };
            if (schema.IntOrString)
            {
                return kind == JsonValueKind.String || (kind == JsonValueKind.Number && ((JsonValue)node!).TryGetInteger(out _));
            }

            return schema.Type switch
            {
                SchemaType.Any => true,
                SchemaType.Object => kind == JsonValueKind.Object,
                SchemaType.Array => kind == JsonValueKind.Array,
                SchemaType.String => kind == JsonValueKind.String,
                SchemaType.Boolean => kind is JsonValueKind.True or JsonValueKind.False,
                SchemaType.Integer => kind == JsonValueKind.Number && ((JsonValue)node!).TryGetInteger(out _),
                _ => kind == JsonValueKind.Number,
            };
        }

        private void List(Schema schema, JsonArray list)
        {
            if (schema.MinItems is int minimum && list.Count < minimum)
            {
                Invalid(list.ToJsonString(), $"should have at least {minimum} items");
            }

            if (schema.MaxItems is int maximum && list.Count > maximum)
            {
                Add(FieldError.TooMany(_path.ToString(), list.Count, maximum));
            }

            if (schema.Items is { } items)
            {
                for (int i = 0; i < list.Count; i++)
                {
                    _path.Push(i);
                    Value(items, list[i]);
                    _path.Pop();
                }
            }

            if (list.Count > 1 && schema.ListType is "set" or "map")
            {
                Duplicates(schema, list);
            }
        }

        private void Duplicates(Schema schema, JsonArray list)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (int i = 0; i < list.Count; i++)
            {
                string key = schema.ListType == "set"
                    ? list[i]?.ToJsonString() ?? "null"
                    : ListKey.Of(schema, list[i] as JsonObject).ToJsonString();
                if (!seen.Add(key))
                {
                    Add(new FieldError(FieldErrorType.Duplicate, $"{_path}[{i}]", key, ""));
                }
            }
        }

        private void Text(Schema schema, string text)
        {
            if (schema.MinLength is not null || schema.MaxLength is not null)
            {
                Length(schema, text);
            }

            if (schema.Pattern is { } pattern && !PatternCache.IsMatch(pattern, text))
            {
                Invalid(FieldError.Quote(text), $"should match '{pattern}'");
            }

            if (schema.Enum.Count > 0 && !schema.Enum.Contains(text))
            {
                Add(FieldError.NotSupported(_path.ToString(), text, schema.Enum));
            }

            if (schema.Format == "date-time" && !Timestamps.IsRfc3339(text))
            {
                Add(new FieldError(
                    FieldErrorType.TypeInvalid, _path.ToString(), FieldError.Quote(text), $"{_path} in body must be of type date-time: {FieldError.Quote(text)}"));
            }
        }

        private void Length(Schema schema, string text)
        {
            // In characters, as JSON schema counts them; counting runes is only needed near a bound.
            int length = text.EnumerateRunes().Count();
            if (length < schema.MinLength)
            {
                Invalid(FieldError.Quote(text), $"should be at least {schema.MinLength} chars long");
            }

            if (length > schema.MaxLength)
            {
                Add(FieldError.TooLong(_path.ToString(), schema.MaxLength.Value));
            }
        }

        private void Number(Schema schema, JsonValue value)
        {
            if (!value.TryGetNumber(out double number))
            {
                return;
            }

            if (schema.Minimum is long minimum && (value.TryGetInteger(out long low) ? low < minimum : number < minimum))
            {
                Invalid(value.ToJsonString(), $"should be greater than or equal to {minimum.ToString(CultureInfo.InvariantCulture)}");
            }

            if (schema.Maximum is long maximum && (value.TryGetInteger(out long high) ? high > maximum : number > maximum))
            {
                Invalid(value.ToJsonString(), $"should be less than or equal to {maximum.ToString(CultureInfo.InvariantCulture)}");
            }
        }

        private void Invalid(string value, string rule) => Add(FieldError.InvalidRaw(_path.ToString(), value, $"{_path} in body {rule}"));

        private void Add(FieldError error) => (Errors ??= []).Add(error);
    }
}
