using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Derives a schema from a contract record, once, at start-up: camelCase names, the <c>required</c> modifier, DataAnnotations
/// (MinLength, MaxLength, StringLength, RegularExpression, Range, AllowedValues) and, by name, the contract's own attributes ListMap(keys),
/// AllowedItems(values) and ItemLength(minimum, maximum). Descriptions are the doc comments, read from the XML file that the compiler puts beside
/// the assembly: what <c>kubectl explain</c> prints is what the source says.
/// A property of a type named ObjectMeta becomes the standard metadata.
/// </summary>
public static class SchemaGenerator
{
    /// <summary>The schema of a record.</summary>
    /// <exception cref="NotSupportedException">A property whose type JSON schema has no word for, or a type that contains itself.</exception>
    public static Schema For<T>() => Object(typeof(T), []);

    private static Schema Object(Type type, HashSet<Type> open)
    {
        if (!open.Add(type))
        {
            throw new NotSupportedException($"{type} contains itself; structural schemas cannot be recursive");
        }

        var properties = new Dictionary<string, Schema>();
        var required = new List<string>();
        bool keepsUnknown = false;
        bool isRoot = type.GetProperty("ApiVersion") is not null && type.GetProperty("Kind") is not null && type.GetProperty("Metadata") is not null;
        foreach (PropertyInfo property in PropertiesOf(type))
        {
            if (property.GetCustomAttribute<JsonExtensionDataAttribute>() is not null)
            {
                keepsUnknown = true;
                continue;
            }

            string name = property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            properties[name] = (isRoot, name) switch
            {
                (true, "apiVersion") => StandardSchemas.ApiVersion,
                (true, "kind") => StandardSchemas.Kind,
                _ => Property(property, open),
            };
            if (property.IsDefined(typeof(RequiredMemberAttribute)))
            {
                required.Add(name);
            }
        }

        open.Remove(type);
        return new Schema
        {
            Type = SchemaType.Object,
            Description = XmlDocumentation.OfType(type),
            Properties = properties,
            Required = required,
            PreserveUnknownFields = keepsUnknown,
        };
    }

    private static Schema Property(PropertyInfo property, HashSet<Type> open)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Schema schema = WithRules(OfType(type, open), property);
        return XmlDocumentation.OfProperty(property) is { } description ? schema with { Description = description } : schema;
    }

    private static Schema OfType(Type type, HashSet<Type> open)
    {
        if (type == typeof(string) || type == typeof(Uri))
        {
            return new Schema { Type = SchemaType.String };
        }

        if (type == typeof(bool))
        {
            return new Schema { Type = SchemaType.Boolean };
        }

        if (type == typeof(int))
        {
            return new Schema { Type = SchemaType.Integer, Format = "int32" };
        }

        if (type == typeof(long))
        {
            return new Schema { Type = SchemaType.Integer, Format = "int64" };
        }

        if (type == typeof(double) || type == typeof(float) || type == typeof(decimal))
        {
            return new Schema { Type = SchemaType.Number, Format = "double" };
        }

        if (type == typeof(DateTimeOffset))
        {
            return new Schema { Type = SchemaType.String, Format = "date-time" };
        }

        if (type.IsEnum)
        {
            return new Schema { Type = SchemaType.String, Enum = Enum.GetNames(type) };
        }

        if (type == typeof(JsonElement) || type == typeof(JsonObject) || type == typeof(JsonNode))
        {
            return Schema.Anything();
        }

        if (type.Name == "ObjectMeta")
        {
            return StandardSchemas.ObjectMeta;
        }

        if (ArgumentOf(type, typeof(IReadOnlyDictionary<,>)) is [_, { } valueType])
        {
            return new Schema { Type = SchemaType.Object, AdditionalProperties = OfType(valueType, open) };
        }

        if (ArgumentOf(type, typeof(IEnumerable<>)) is [{ } itemType])
        {
            return new Schema { Type = SchemaType.Array, Items = OfType(itemType, open) };
        }

        return type.IsClass && type.Namespace?.StartsWith("System", StringComparison.Ordinal) != true
            ? Object(type, open)
            : throw new NotSupportedException($"no schema for a property of type {type}");
    }

    private static Schema WithRules(Schema schema, PropertyInfo property)
    {
        foreach (Attribute attribute in property.GetCustomAttributes())
        {
            schema = attribute switch
            {
                MinLengthAttribute rule when schema.Type == SchemaType.Array => schema with { MinItems = rule.Length },
                MaxLengthAttribute rule when schema.Type == SchemaType.Array => schema with { MaxItems = rule.Length },
                MinLengthAttribute rule => schema with { MinLength = rule.Length },
                MaxLengthAttribute rule => schema with { MaxLength = rule.Length },
                StringLengthAttribute rule => schema with
                {
                    MinLength = rule.MinimumLength > 0 ? rule.MinimumLength : schema.MinLength,
                    MaxLength = rule.MaximumLength,
                },
                RegularExpressionAttribute rule => schema with { Pattern = rule.Pattern },
                RangeAttribute rule => WithRange(schema, rule),
                AllowedValuesAttribute rule => schema with { Enum = [.. rule.Values.Select(value => value?.ToString() ?? "")] },
                _ => WithContractRule(schema, attribute),
            };
        }

        return schema;
    }

    // The contract's attributes are told by name: this project does not reference it.
    private static Schema WithContractRule(Schema schema, Attribute attribute) => attribute.GetType().Name switch
    {
        "ListMapAttribute" => schema with { ListType = "map", ListMapKeys = Get<IReadOnlyList<string>>(attribute, "Keys") },
        "AllowedItemsAttribute" when schema.Items is { } items =>
            schema with { Items = items with { Enum = Get<IReadOnlyList<string>>(attribute, "Values") } },
        "ItemLengthAttribute" when schema.Items is { } items =>
            schema with { Items = items with { MinLength = Get<int>(attribute, "Minimum"), MaxLength = Get<int>(attribute, "Maximum") } },
        _ => schema,
    };

    // Bounds that int64 has anyway are not written down. double.MaxValue casts to long.MaxValue.
    private static Schema WithRange(Schema schema, RangeAttribute rule)
    {
        double minimum = Convert.ToDouble(rule.Minimum), maximum = Convert.ToDouble(rule.Maximum);
        return schema with
        {
            Minimum = minimum <= long.MinValue ? null : (long)minimum,
            Maximum = maximum >= long.MaxValue ? null : (long)maximum,
        };
    }

    private static T Get<T>(Attribute attribute, string property) => (T)attribute.GetType().GetProperty(property)!.GetValue(attribute)!;

    // Inherited properties first: a base record holds what the kinds share.
    private static IEnumerable<PropertyInfo> PropertiesOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.Name != "EqualityContract" && property.GetCustomAttribute<JsonIgnoreAttribute>() is null)
            .OrderBy(property => property.DeclaringType == type ? 1 : 0);

    private static Type[]? ArgumentOf(Type type, Type open) =>
        type.GetInterfaces().Append(type).FirstOrDefault(candidate => candidate.IsGenericType && candidate.GetGenericTypeDefinition() == open)?.GetGenericArguments();
}
