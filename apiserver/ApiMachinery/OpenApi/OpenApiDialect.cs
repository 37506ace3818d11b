using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Where OpenAPI 2 and 3 spell the same thing differently.</summary>
internal sealed class OpenApiDialect
{
    private static readonly string[] MediaTypes = ["application/json", "application/yaml"];

    public static OpenApiDialect V3 { get; } = new() { ReferencePrefix = "#/components/schemas/", MetaPrefix = OpenApiNames.KubernetesMeta };

    /// <param name="metaPrefix">What the names of the meta types begin with.</param>
    public static OpenApiDialect V2(string metaPrefix) => new() { ReferencePrefix = "#/definitions/", MetaPrefix = metaPrefix };

    public required string ReferencePrefix { get; init; }

    public required string MetaPrefix { get; init; }

    /// <summary>Name of a meta type's definition.</summary>
    public string Meta(string type) => MetaPrefix + type;

    public bool IsV3 => ReferenceEquals(this, V3);

    public JsonObject Reference(string definition) => new() { ["$ref"] = ReferencePrefix + definition };

    public JsonObject Parameter(string name, string place, string type, string description)
    {
        var parameter = new JsonObject { ["name"] = name, ["in"] = place, ["description"] = description };
        if (place == "path")
        {
            parameter["required"] = true;
        }

        if (IsV3)
        {
            parameter["schema"] = new JsonObject { ["type"] = type, ["uniqueItems"] = true };
        }
        else
        {
            parameter["type"] = type;
            parameter["uniqueItems"] = true;
        }

        return parameter;
    }

    /// <summary>Adds the request body to an operation.</summary>
    public void AddBody(JsonObject operation, string definition, IReadOnlyList<string>? mediaTypes, bool isRequired)
    {
        if (IsV3)
        {
            var content = new JsonObject();
            foreach (string mediaType in mediaTypes ?? ["*/*"])
            {
                content[mediaType] = new JsonObject { ["schema"] = Reference(definition) };
            }

            operation["requestBody"] = isRequired
                ? new JsonObject { ["content"] = content, ["required"] = true }
                : new JsonObject { ["content"] = content };
            return;
        }

        var body = new JsonObject { ["name"] = "body", ["in"] = "body", ["schema"] = Reference(definition) };
        if (isRequired)
        {
            body["required"] = true;
        }

        ((JsonArray)operation["parameters"]!).Insert(0, body);
        operation["consumes"] = new JsonArray([.. (mediaTypes ?? ["*/*"]).Select(type => JsonValue.Create(type))]);
    }

    /// <summary>Adds answers of one type under several codes, and the 401 that every operation has.</summary>
    public void AddResponses(JsonObject operation, string definition, bool isStream, params ReadOnlySpan<(string Code, string Text)> codes)
    {
        var responses = new JsonObject();
        string[] mediaTypes = isStream ? [.. MediaTypes, "application/json;stream=watch"] : MediaTypes;
        foreach ((string code, string text) in codes)
        {
            var response = new JsonObject { ["description"] = text };
            if (IsV3)
            {
                var content = new JsonObject();
                foreach (string mediaType in mediaTypes)
                {
                    content[mediaType] = new JsonObject { ["schema"] = Reference(definition) };
                }

                response["content"] = content;
            }
            else
            {
                response["schema"] = Reference(definition);
            }

            responses[code] = response;
        }

        responses["401"] = new JsonObject { ["description"] = "Unauthorized" };
        operation["responses"] = responses;
        if (!IsV3)
        {
            operation["produces"] = new JsonArray([.. mediaTypes.Select(type => JsonValue.Create(type))]);
            operation["schemes"] = new JsonArray("https");
        }
    }
}
