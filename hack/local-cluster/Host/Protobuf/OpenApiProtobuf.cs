using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>An OpenAPI 2 document as the protobuf message openapi.v2.Document, the only form in which kubectl asks for it. Field numbers are that message's.</summary>
internal static class OpenApiProtobuf
{
    public const string MediaType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    private static readonly (string Method, int Number)[] Methods = [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)];

    public static ReadOnlyMemory<byte> Encode(JsonObject document)
    {
        var writer = new ProtoWriter();
        writer.Text(1, (string?)document["swagger"]);
        writer.Message(2, info =>
        {
            info.Text(1, (string?)document["info"]?["title"]);
            info.Text(2, (string?)document["info"]?["version"]);
        });
        writer.Message(8, paths =>
        {
            foreach ((string name, JsonNode? item) in Fields(document["paths"])) Named(paths, 2, name, path => PathItem(path, item!.AsObject()));
        });
        writer.Message(9, definitions =>
        {
            foreach ((string name, JsonNode? schema) in Fields(document["definitions"])) Named(definitions, 1, name, value => Schema(value, schema!.AsObject()));
        });
        return writer.Written;
    }

    private static void PathItem(ProtoWriter writer, JsonObject item)
    {
        foreach ((string method, int number) in Methods)
            if (item[method] is JsonObject operation) writer.Message(number, inner => Operation(inner, operation));
        foreach (JsonObject parameter in Items(item["parameters"])) writer.Message(9, inner => Parameter(inner, parameter));
    }

    private static void Operation(ProtoWriter writer, JsonObject operation)
    {
        Texts(writer, 1, operation["tags"]);
        writer.Text(3, (string?)operation["description"]);
        writer.Text(5, (string?)operation["operationId"]);
        Texts(writer, 6, operation["produces"]);
        Texts(writer, 7, operation["consumes"]);
        foreach (JsonObject parameter in Items(operation["parameters"])) writer.Message(8, inner => Parameter(inner, parameter));
        writer.Message(9, responses =>
        {
            foreach ((string code, JsonNode? response) in Fields(operation["responses"]))
                Named(responses, 1, code, value => value.Message(1, inner => Response(inner, response!.AsObject())));
        });
        Texts(writer, 10, operation["schemes"]);
        Extensions(writer, 13, operation);
    }

    private static void Response(ProtoWriter writer, JsonObject response)
    {
        writer.Text(1, (string?)response["description"]);
        if (response["schema"] is JsonObject schema) writer.Message(2, item => item.Message(1, inner => Schema(inner, schema)));
    }

    private static void Parameter(ProtoWriter writer, JsonObject parameter) => writer.Message(1, inner =>
    {
        string place = (string?)parameter["in"] ?? "";
        if (place == "body")
        {
            inner.Message(1, body =>
            {
                body.Text(1, (string?)parameter["description"]);
                body.Text(2, (string?)parameter["name"]);
                body.Text(3, place);
                body.Flag(4, (bool?)parameter["required"] == true);
                if (parameter["schema"] is JsonObject schema) body.Message(5, value => Schema(value, schema));
            });
            return;
        }

        // Query and path parameters differ in one field, which moves the number of the type.
        bool isQuery = place == "query";
        inner.Message(2, simple => simple.Message(isQuery ? 3 : 4, value =>
        {
            value.Flag(1, (bool?)parameter["required"] == true);
            value.Text(2, place);
            value.Text(3, (string?)parameter["description"]);
            value.Text(4, (string?)parameter["name"]);
            value.Text(isQuery ? 6 : 5, (string?)parameter["type"]);
            value.Flag(isQuery ? 20 : 19, (bool?)parameter["uniqueItems"] == true);
        }));
    });

    private static void Schema(ProtoWriter writer, JsonObject schema)
    {
        writer.Text(1, (string?)schema["$ref"]);
        writer.Text(2, (string?)schema["format"]);
        writer.Text(4, (string?)schema["description"]);
        if (schema["default"] is { } standard) writer.Message(5, any => any.Text(2, standard.ToJsonString()));
        writer.Real(7, Real(schema["maximum"]));
        writer.Real(9, Real(schema["minimum"]));
        writer.Number(11, (long?)schema["maxLength"]);
        writer.Number(12, (long?)schema["minLength"]);
        writer.Text(13, (string?)schema["pattern"]);
        writer.Number(14, (long?)schema["maxItems"]);
        writer.Number(15, (long?)schema["minItems"]);
        Texts(writer, 19, schema["required"]);
        foreach (JsonNode? value in schema["enum"] as JsonArray ?? []) writer.Message(20, any => any.Text(2, value?.ToJsonString() ?? "null"));
        if (schema["additionalProperties"] is JsonObject additional) writer.Message(21, item => item.Message(1, inner => Schema(inner, additional)));
        if (schema["type"] is { } type) writer.Message(22, item => item.Text(1, (string?)type));
        if (schema["items"] is JsonObject items) writer.Message(23, item => item.Message(1, inner => Schema(inner, items)));
        foreach (JsonObject part in Items(schema["allOf"])) writer.Message(24, inner => Schema(inner, part));
        if (schema["properties"] is JsonObject properties)
        {
            writer.Message(25, list =>
            {
                foreach ((string name, JsonNode? property) in properties) Named(list, 1, name, value => Schema(value, property!.AsObject()));
            });
        }

        Extensions(writer, 31, schema);
    }

    private static void Extensions(ProtoWriter writer, int number, JsonObject owner)
    {
        foreach ((string name, JsonNode? extension) in owner)
            if (name.StartsWith("x-", StringComparison.Ordinal)) Named(writer, number, name, any => any.Text(2, extension?.ToJsonString() ?? "null"));
    }

    private static void Named(ProtoWriter writer, int number, string name, Action<ProtoWriter> value) => writer.Message(number, pair =>
    {
        pair.Text(1, name);
        pair.Message(2, value);
    });

    private static void Texts(ProtoWriter writer, int number, JsonNode? list)
    {
        foreach (JsonNode? text in list as JsonArray ?? []) writer.Text(number, (string?)text);
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Fields(JsonNode? node) => node as JsonObject ?? [];

    private static IEnumerable<JsonObject> Items(JsonNode? node) => (node as JsonArray ?? []).OfType<JsonObject>();

    private static double? Real(JsonNode? node) => node is null ? null : double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);
}
