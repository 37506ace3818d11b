using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Writes a <see cref="Schema"/> as an OpenAPI schema object with Kubernetes' extensions (contract O22, O26).</summary>
internal sealed class OpenApiSchemas(OpenApiDialect dialect, bool hasPatchStrategy)
{
    /// <summary>Standard types are referred to, not repeated. Told by their properties: a field may describe them in its own words.</summary>
    private static readonly (Schema Schema, string Name)[] Shared =
    [
        (StandardSchemas.ObjectMeta, "ObjectMeta"),
        (StandardSchemas.ListMeta, "ListMeta"),
        (StandardSchemas.ManagedFieldsEntry, "ManagedFieldsEntry"),
        (StandardSchemas.OwnerReference, "OwnerReference"),
    ];

    public JsonObject Write(Schema schema) => SharedName(schema) is { } name ? Reference(dialect.Meta(name), schema.Description) : WriteInline(schema);

    /// <summary>The schema itself, also where it is one of the shared ones: the body of a definition.</summary>
    public JsonObject WriteInline(Schema schema)
    {
        var json = new JsonObject();
        Set(json, "description", schema.Description);
        if (schema.IntOrString)
        {
            json["x-kubernetes-int-or-string"] = true;
        }
        else if (schema.Type != SchemaType.Any)
        {
            json["type"] = schema.Type.ToString().ToLowerInvariant();
        }

        Set(json, "format", schema.Format);
        Set(json, "pattern", schema.Pattern);
        Set(json, "minLength", schema.MinLength);
        Set(json, "maxLength", schema.MaxLength);
        Set(json, "minimum", schema.Minimum);
        Set(json, "maximum", schema.Maximum);
        Set(json, "minItems", schema.MinItems);
        Set(json, "maxItems", schema.MaxItems);
        Set(json, "default", schema.Default?.DeepClone());
        if (schema.Enum.Count > 0)
        {
            json["enum"] = Strings(schema.Enum);
        }

        if (schema.Nullable && dialect.IsV3)
        {
            json["nullable"] = true;
        }

        WriteChildren(schema, json);
        WriteExtensions(schema, json);
        return json;
    }

    private void WriteChildren(Schema schema, JsonObject json)
    {
        if (schema.Properties.Count > 0)
        {
            var properties = new JsonObject();
            foreach ((string name, Schema property) in schema.Properties)
            {
                properties[name] = Write(property);
            }

            json["properties"] = properties;
        }

        if (schema.Required.Count > 0)
        {
            json["required"] = Strings(schema.Required);
        }

        if (schema.AdditionalProperties is { } values)
        {
            json["additionalProperties"] = Write(values);
        }

        if (schema.Items is { } items)
        {
            json["items"] = Write(items);
        }
    }

    private void WriteExtensions(Schema schema, JsonObject json)
    {
        if (schema.PreserveUnknownFields || schema is { Type: SchemaType.Any, IntOrString: false })
        {
            json["x-kubernetes-preserve-unknown-fields"] = true;
        }

        Set(json, "x-kubernetes-map-type", schema.MapType);
        Set(json, "x-kubernetes-list-type", schema.ListType);
        if (schema.ListMapKeys.Count > 0)
        {
            json["x-kubernetes-list-map-keys"] = Strings(schema.ListMapKeys);
        }

        // kubectl computes strategic merge patches from these.
        if (hasPatchStrategy && schema.ListType is "map" or "set")
        {
            json["x-kubernetes-patch-strategy"] = "merge";
            Set(json, "x-kubernetes-patch-merge-key", schema.ListMapKeys.Count > 0 ? schema.ListMapKeys[0] : null);
        }
    }

    private JsonObject Reference(string name, string? description)
    {
        JsonObject reference = dialect.Reference(name);
        Set(reference, "description", description);
        return reference;
    }

    private static string? SharedName(Schema schema)
    {
        foreach ((Schema shared, string name) in Shared)
        {
            if (ReferenceEquals(schema.Properties, shared.Properties))
            {
                return name;
            }
        }

        return null;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(value => JsonValue.Create(value))]);

    private static void Set(JsonObject json, string name, JsonNode? value)
    {
        if (value is not null)
        {
            json[name] = value;
        }
    }
}
