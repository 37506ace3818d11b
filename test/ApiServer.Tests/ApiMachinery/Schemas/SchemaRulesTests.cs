using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Tests.ApiMachinery.Schemas;

/// <summary>Validation, pruning and defaulting by schema: contract E5, E6, V5, V8.</summary>
[TestClass]
public sealed class SchemaRulesTests
{
    private static readonly Schema Model = SchemaGenerator.For<Model>();

    private static JsonObject Json(string json) => DocumentDecoder.DecodeJson(Encoding.UTF8.GetBytes(json)).Object!;

    private static string Errors(string json) => string.Join('\n', SchemaValidator.Validate(Model, Json(json)));

    [TestMethod]
    public void Validate_GoodModel_HasNoErrors() => Assert.AreEqual("", Errors("""
        {"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"Model","metadata":{"name":"x"},"spec":{"source":{"url":"https://huggingface.co/BAAI/bge-m3"}},
         "status":{"phase":"Ready","conditions":[{"type":"Ready","status":"True","reason":"Ok","message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}
        """));

    [TestMethod]
    [DataRow("""{}""", "spec: Required value")]
    [DataRow("""{"spec":{}}""", "spec.source: Required value")]
    [DataRow("""{"spec":5}""", "spec: Invalid value: \"integer\": spec in body must be of type object: \"integer\"")]
    [DataRow("""{"spec":{"source":{"url":["x"]}}}""", "spec.source.url: Invalid value: \"array\": spec.source.url in body must be of type string: \"array\"")]
    [DataRow("""{"spec":{"source":{"catalog":{"name":"a","version":""}}}}""", "spec.source.catalog.version: Invalid value: \"\": spec.source.catalog.version in body should be at least 1 chars long")]
    [DataRow("""{"spec":{"source":{"catalog":{}}}}""", "spec.source.catalog.name: Required value")]
    [DataRow("""{"spec":{"source":{}},"status":{"phase":"Odd"}}""", "status.phase: Unsupported value: \"Odd\": supported values: \"Pending\", \"WaitForUpload\", \"Publishing\", \"Ready\", \"Failed\", \"Deleting\"")]
    [DataRow("""{"spec":{"source":{}},"status":{"artifact":{"digest":"d","mediaType":"m","sizeBytes":0}}}""", "status.artifact.sizeBytes: Invalid value: 0: status.artifact.sizeBytes in body should be greater than or equal to 1")]
    [DataRow("""{"spec":{"source":{}},"status":{"observedGeneration":1.5}}""", "status.observedGeneration: Invalid value: \"number\": status.observedGeneration in body must be of type integer: \"number\"")]
    [DataRow("""{"spec":{"source":{}},"status":{"upload":{"expiresAt":"soon"}}}""", "status.upload.expiresAt: Invalid value: \"soon\": status.upload.expiresAt in body must be of type date-time: \"soon\"")]
    [DataRow("""{"spec":{"source":{}},"status":{"resolved":{"supportedFeatures":["ToolCalling","Fly"]}}}""", "status.resolved.supportedFeatures[1]: Unsupported value: \"Fly\": supported values: \"VisionInput\", \"AudioInput\", \"AudioOutput\", \"ImageOutput\", \"VideoInput\", \"VideoOutput\", \"MultiModalInput\", \"ToolCalling\"")]
    public void Validate_OneMistake_IsOneErrorInCrdWords(string json, string expected) => Assert.AreEqual(expected, Errors(json));

    [TestMethod]
    public void Validate_Pattern_IsQuotedAsWritten() => Assert.AreEqual(
        $"spec.source.url: Invalid value: \"x\": spec.source.url in body should match '{ClusterModelSource.UrlPattern}'",
        Errors("""{"spec":{"source":{"url":"x"}}}"""));

    [TestMethod]
    public void Validate_PatternWithTrailingNewline_DoesNotMatch() =>
        Assert.AreNotEqual("", Errors("""{"spec":{"source":{"catalog":{"name":"a\n"}}}}"""));

    [TestMethod]
    public void Validate_TooLong_NamesTheBound() => Assert.AreEqual(
        "spec.source.catalog.version: Too long: may not be more than 128 bytes",
        Errors("{\"spec\":{\"source\":{\"catalog\":{\"name\":\"a\",\"version\":\"" + new string('v', 129) + "\"}}}}"));

    [TestMethod]
    public void Validate_SameKeyTwice_IsADuplicate()
    {
        const string Condition = """{"type":"Ready","status":"True","reason":"Ok","message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}""";

        string errors = Errors($$$"""{"spec":{"source":{}},"status":{"conditions":[{{{Condition}}},{{{Condition}}}]}}""");

        Assert.AreEqual("status.conditions[1]: Duplicate value: {\"type\":\"Ready\"}", errors);
    }

    [TestMethod]
    public void Validate_SeveralMistakes_AreAllReported() =>
        Assert.AreEqual(3, Errors("""{"spec":{"source":{"url":"x","catalog":{"name":"A"}}},"status":{"phase":"Odd"}}""").Split('\n').Length);

    [TestMethod]
    public void Prune_UnknownFields_GoAndAreNamed()
    {
        JsonObject obj = Json("""
            {"kind":"Model","junk":1,"metadata":{"name":"a","labels":{"any":"x"},"odd":true,"managedFields":[{"manager":"m","fieldsV1":{"f:x":{}},"q":1}]},
             "spec":{"source":{"url":"u","zip":{}}},"status":{"conditions":[{"type":"Ready"},{"type":"B","extra":1}]}}
            """);

        var removed = SchemaPruner.Prune(Model, obj);

        CollectionAssert.AreEqual(
            new[] { "junk", "metadata.managedFields[0].q", "metadata.odd", "spec.source.zip", "status.conditions[1].extra" }, removed.ToArray());
        Assert.IsFalse(obj.ContainsKey("junk"));
        Assert.AreEqual("""{"manager":"m","fieldsV1":{"f:x":{}}}""", obj["metadata"]!["managedFields"]![0]!.ToJsonString());
        Assert.IsEmpty(SchemaPruner.Prune(Model, obj));
    }

    [TestMethod]
    public void Default_MissingFieldsAndNulls_AreFilledAndDropped()
    {
        var schema = new Schema
        {
            Type = SchemaType.Object,
            Properties = new Dictionary<string, Schema>
            {
                ["a"] = new() { Type = SchemaType.String, Default = "x" },
                ["n"] = new() { Type = SchemaType.String },
                ["k"] = new() { Type = SchemaType.String, Nullable = true },
                ["o"] = new()
                {
                    Type = SchemaType.Object,
                    Default = new JsonObject(),
                    Properties = new Dictionary<string, Schema> { ["i"] = new() { Type = SchemaType.Integer, Default = 7 } },
                },
            },
        };
        JsonObject obj = Json("""{"a":null,"n":null,"k":null}""");

        SchemaDefaulter.Apply(schema, obj);

        Assert.IsTrue(JsonNode.DeepEquals(Json("""{"a":"x","k":null,"o":{"i":7}}"""), obj), obj.ToJsonString());
    }

    [TestMethod]
    [DataRow("""{"metadata":{"labels":{"a":1}}}""", "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string")]
    [DataRow("""{"metadata":[]}""", "json: cannot unmarshal array into Go value of type v1.ObjectMeta")]
    [DataRow("""{"metadata":{"ownerReferences":[{"uid":5}]}}""", "json: cannot unmarshal number into Go struct field OwnerReference.ownerReferences.uid of type types.UID")]
    [DataRow("""{"metadata":{"ownerReferences":[5]}}""", "json: cannot unmarshal number into Go struct field ObjectMeta.ownerReferences of type v1.OwnerReference")]
    [DataRow("""{"metadata":{"managedFields":5}}""", "json: cannot unmarshal number into Go struct field ObjectMeta.managedFields of type []v1.ManagedFieldsEntry")]
    [DataRow("""{"metadata":{"generation":"x"}}""", "json: cannot unmarshal string into Go struct field ObjectMeta.generation of type int64")]
    [DataRow("""{"metadata":{"finalizers":"x"}}""", "json: cannot unmarshal string into Go struct field ObjectMeta.finalizers of type []string")]
    [DataRow("""{"metadata":{"creationTimestamp":null,"labels":null,"name":"a"}}""", null)]
    [DataRow("""{"metadata":{"creationTimestamp":"2026-01-02T03:04:05Z","ownerReferences":[{"uid":"u","controller":true}],"unknown":{}}}""", null)]
    public void CheckShape_OfMetadata_SaysWhatGoWould(string json, string? expected) =>
        Assert.AreEqual(expected, ObjectMetaShape.Check(Json(json)));
}
