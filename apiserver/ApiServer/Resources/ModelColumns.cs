using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;

namespace AiModels.ApiServer.Resources;

/// <summary>What <c>kubectl get</c> prints of a Model or ClusterModel: state first, with -o wide also what the files say.</summary>
internal static class ModelColumns
{
    // Twelve digits tell artifacts apart and fit a terminal; status.artifact.digest has all of them.
    private const int ShownDigestLength = 7 + 12;

    public static IReadOnlyList<TableColumn> All { get; } =
    [
        Text("Phase", "What the model is doing.", status => status?["phase"]),
        Text("Progress", "How far preparation is.", status => status?["progress"]),
        Text("Format", "Format of the weights.", status => status?["resolved"]?["format"]),
        Text("Size", "Bytes of all files.", status => Number(status?["artifact"]?["sizeBytes"], HumanQuantity.Bytes)),
        TableColumn.Age,
        Text("Family", "Model family.", status => status?["resolved"]?["family"], priority: 1),
        Text("Parameters", "Number of parameters.", status => Number(status?["resolved"]?["parameterCount"], HumanQuantity.Parameters), priority: 1),
        Text("Quantization", "How the weights are quantised.", status => status?["resolved"]?["quantization"], priority: 1),
        Text("Context", "Longest context in tokens.", status => status?["resolved"]?["contextWindowTokens"], priority: 1),
        new("Source", "string", "Where the files come from.", (obj, _) => SourceOf(obj), Priority: 1),
        Text("Digest", "Digest of the artifact, shortened.", status => Shortened(status?["artifact"]?["digest"]), priority: 1),
    ];

    private static TableColumn Text(string name, string description, Func<JsonObject?, JsonNode?> cell, int priority = 0) =>
        new(name, "string", description, (obj, _) => Copy(cell(obj["status"] as JsonObject)), priority);

    private static JsonValue? Copy(JsonNode? cell) => cell is JsonValue value ? JsonValue.Create(value.ToString()) : null;

    private static JsonNode? Number(JsonNode? value, Func<long, string> format) =>
        value is JsonValue number && number.TryGetValue(out long count) ? format(count) : null;

    private static JsonNode? Shortened(JsonNode? digest) =>
        digest?.ToString() is { Length: > ShownDigestLength } text ? text[..ShownDigestLength] : Copy(digest);

    // Before the source is resolved, the spec tells the kind of it.
    private static JsonNode? SourceOf(JsonObject obj) =>
        obj["status"]?["source"]?["resolvedType"]?.ToString() ?? ModelSourceRules.TypeOf(obj["spec"]?["source"] as JsonObject);
}
