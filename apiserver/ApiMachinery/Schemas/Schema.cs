using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>JSON types a schema can ask for.</summary>
public enum SchemaType
{
    /// <summary>Anything (x-kubernetes-preserve-unknown-fields without a type).</summary>
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// <summary>
/// A structural OpenAPI v3 schema, the one description of a kind. Immutable; shared by every request.
/// See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema.
/// </summary>
public sealed record Schema
{
    public required SchemaType Type { get; init; }
    public string? Description { get; init; }
    public string? Format { get; init; }
    public bool Nullable { get; init; }
    public JsonNode? Default { get; init; }

    /// <summary>Fields of an object, in the order documentation shows them.</summary>
    public IReadOnlyDictionary<string, Schema> Properties { get; init; } = new Dictionary<string, Schema>();
    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>Schema of a map's values.</summary>
    public Schema? AdditionalProperties { get; init; }

    /// <summary>x-kubernetes-preserve-unknown-fields: what is not named here is kept and not checked.</summary>
    public bool PreserveUnknownFields { get; init; }

    /// <summary>Schema of a list's items.</summary>
    public Schema? Items { get; init; }

    /// <summary>x-kubernetes-list-type: atomic (default), set or map.</summary>
    public string? ListType { get; init; }
    public IReadOnlyList<string> ListMapKeys { get; init; } = [];

    /// <summary>x-kubernetes-map-type: granular (default) or atomic.</summary>
    public string? MapType { get; init; }

    /// <summary>x-kubernetes-int-or-string.</summary>
    public bool IntOrString { get; init; }
    public string? Pattern { get; init; }
    public int? MinLength { get; init; }
    public int? MaxLength { get; init; }
    public long? Minimum { get; init; }
    public long? Maximum { get; init; }
    public int? MinItems { get; init; }
    public int? MaxItems { get; init; }
    public IReadOnlyList<string> Enum { get; init; } = [];

    /// <summary>An object of which everything is kept and nothing checked.</summary>
    public static Schema Anything(string? description = null) =>
        new() { Type = SchemaType.Object, PreserveUnknownFields = true, Description = description };
}
