using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>A kind with one field of every way to merge.</summary>
internal static class Widgets
{
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly Schema Text = new() { Type = SchemaType.String };

    private static readonly Schema Port = new()
    {
        Type = SchemaType.Object,
        Properties = new Dictionary<string, Schema>
        {
            ["port"] = new() { Type = SchemaType.Integer },
            ["protocol"] = new() { Type = SchemaType.String, Default = "TCP" },
            ["name"] = Text,
            ["options"] = new() { Type = SchemaType.Object, AdditionalProperties = Text },
        },
    };

    private static readonly Schema Spec = new()
    {
        Type = SchemaType.Object,
        Properties = new Dictionary<string, Schema>
        {
            ["size"] = new() { Type = SchemaType.Integer },
            ["note"] = Text,
            ["limit"] = new() { Type = SchemaType.Any, IntOrString = true },
            ["ports"] = new() { Type = SchemaType.Array, Items = Port, ListType = "map", ListMapKeys = ["port", "protocol"] },
            ["tags"] = new() { Type = SchemaType.Array, Items = Text, ListType = "set" },
            ["args"] = new() { Type = SchemaType.Array, Items = Text },
            ["selector"] = new() { Type = SchemaType.Object, MapType = "atomic", AdditionalProperties = Text },
            ["config"] = Schema.Anything(),
            ["empty"] = new() { Type = SchemaType.Object },
        },
    };

    public static ResourceDefinition Definition { get; } = new()
    {
        Group = "example.com",
        Version = "v1",
        Kind = "Widget",
        Plural = "widgets",
        Singular = "widget",
        Scope = ResourceScope.Namespaced,
        Schema = StandardSchemas.Root("A widget.", new Dictionary<string, Schema>
        {
            ["spec"] = Spec,
            ["status"] = new() { Type = SchemaType.Object, Properties = new Dictionary<string, Schema> { ["phase"] = Text } },
        }),
    };

    public static FieldManager Fields { get; } = new(Definition);

    public static JsonObject Yaml(string text) => DocumentDecoder.DecodeYaml(Encoding.UTF8.GetBytes(text)).Object!;

    /// <summary>A widget with the given rest: <c>{spec: {size: 1}}</c>.</summary>
    public static JsonObject Widget(string rest)
    {
        JsonObject widget = Yaml("{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}");
        foreach ((string name, JsonNode? value) in Yaml(rest))
        {
            if (name == "metadata")
            {
                foreach ((string field, JsonNode? inner) in (JsonObject)value!)
                {
                    widget["metadata"]![field] = inner?.DeepClone();
                }
            }
            else
            {
                widget[name] = value?.DeepClone();
            }
        }

        return widget;
    }

    /// <summary>manager/operation[/subresource]: paths … of every entry, one a line.</summary>
    public static string Owners(JsonObject obj) => string.Join('\n', (obj["metadata"]!["managedFields"] as JsonArray ?? []).Select(entry =>
        $"{entry!["manager"]}/{entry["operation"]}{(entry["subresource"] is { } sub ? "/" + sub : "")}: {string.Join(' ', FieldSet.FromJson((JsonObject)entry["fieldsV1"]!).Paths())}"));
}
