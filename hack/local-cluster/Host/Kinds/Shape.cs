using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>
/// Short words for schemas. Objects keep fields that are not named: the stand-in types what server-side apply, defaults and tables need,
/// and lets everything else through.
/// </summary>
internal static class Shape
{
    public static Schema Any { get; } = new() { Type = SchemaType.Any, PreserveUnknownFields = true };
    public static Schema Text { get; } = new() { Type = SchemaType.String };
    public static Schema Number { get; } = new() { Type = SchemaType.Integer, Format = "int64" };
    public static Schema Number32 { get; } = new() { Type = SchemaType.Integer, Format = "int32" };
    public static Schema Flag { get; } = new() { Type = SchemaType.Boolean };
    public static Schema Time { get; } = new() { Type = SchemaType.String, Format = "date-time", Nullable = true };
    public static Schema MicroTime { get; } = new() { Type = SchemaType.String, Format = "date-time", Nullable = true };

    /// <summary>512Mi, 1, "2".</summary>
    public static Schema Quantity { get; } = new() { Type = SchemaType.Any, IntOrString = true };
    public static Schema TextMap { get; } = Map(Text);
    public static Schema TextList { get; } = List(Text);
    public static Schema Free { get; } = Schema.Anything();

    /// <summary>metav1.LabelSelector; atomic, as upstream has it.</summary>
    public static Schema LabelSelector { get; } = Object(("matchLabels", TextMap), ("matchExpressions", List(Free))) with { MapType = "atomic" };

    /// <summary>metav1.Condition and its elder relatives.</summary>
    public static Schema Conditions { get; } = ListMap(
        Object(("type", Text), ("status", Text), ("reason", Text), ("message", Text), ("lastTransitionTime", Time)) with { Required = ["type", "status"] }, "type");

    public static Schema Object(params (string Name, Schema Schema)[] fields) => new()
    {
        Type = SchemaType.Object,
        PreserveUnknownFields = true,
        Properties = fields.ToDictionary(f => f.Name, f => f.Schema),
    };

    public static Schema Map(Schema values) => new() { Type = SchemaType.Object, AdditionalProperties = values };

    /// <summary>A list that is replaced as a whole.</summary>
    public static Schema List(Schema items) => new() { Type = SchemaType.Array, Items = items, ListType = "atomic" };

    /// <summary>A list of scalars without duplicates, each owned by itself.</summary>
    public static Schema Set(Schema items) => new() { Type = SchemaType.Array, Items = items, ListType = "set" };

    /// <summary>A list whose items are known by keys.</summary>
    public static Schema ListMap(Schema items, params string[] keys) => new() { Type = SchemaType.Array, Items = items, ListType = "map", ListMapKeys = keys };

    public static Schema WithDefault(this Schema schema, JsonNode value) => schema with { Default = value };

    /// <summary>The schema of a kind: apiVersion, kind, metadata and the given top-level fields.</summary>
    public static Schema Kind(string description, params (string Name, Schema Schema)[] fields) => Object(
        [("apiVersion", StandardSchemas.ApiVersion), ("kind", StandardSchemas.Kind), ("metadata", StandardSchemas.ObjectMeta), .. fields]) with
    { Description = description };
}
