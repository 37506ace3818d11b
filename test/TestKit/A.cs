using System.Text.Json.Nodes;

namespace AiModels.TestKit;

/// <summary>Documents for tests: <c>A.Model("bge-m3").FromUpload()</c>.</summary>
public static class A
{
    public static ModelBuilder Model(string name) => new(name);

    /// <summary>A Deployment whose only container asks for models by annotation.</summary>
    public static JsonObject Deployment(string name, string models) => JsonNode.Parse(
        $$$$$$"""
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{{{{name}}}}}}","annotations":{"ai.deckhouse.io/model":"{{{{{{models}}}}}}"}},
         "spec":{"selector":{"matchLabels":{"app":"{{{{{{name}}}}}}"}},"template":{"metadata":{"labels":{"app":"{{{{{{name}}}}}}"}},
           "spec":{"containers":[{"name":"server","image":"debian:12-slim","command":["sleep","infinity"]}]}}}}
        """)!.AsObject();
}

/// <summary>Builds a Model document.</summary>
public sealed class ModelBuilder(string name)
{
    private readonly JsonObject _source = [];

    public ModelBuilder FromUpload() => With("upload", new JsonObject());

    public ModelBuilder FromUrl(string url) => With("url", url);

    public JsonObject Build() => new()
    {
        ["apiVersion"] = "ai.deckhouse.io/v1alpha1",
        ["kind"] = "Model",
        ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = new JsonObject { ["source"] = _source.DeepClone() },
    };

    private ModelBuilder With(string field, JsonNode value)
    {
        _source[field] = value;
        return this;
    }
}
