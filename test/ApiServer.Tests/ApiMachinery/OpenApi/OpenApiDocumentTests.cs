using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.OpenApi;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Tests.ApiMachinery.OpenApi;

/// <summary>Contract O3-O27.</summary>
[TestClass]
public sealed class OpenApiDocumentTests
{
    private const string ItemPath = "/apis/ai.deckhouse.io/v1alpha1/namespaces/{namespace}/models/{name}";

    private static readonly ResourceDefinition Models = new()
    {
        Group = "ai.deckhouse.io",
        Version = "v1alpha1",
        Kind = "Model",
        Plural = "models",
        Singular = "model",
        Scope = ResourceScope.Namespaced,
        Schema = SchemaGenerator.For<Model>(),
    };

    private static readonly ResourceDefinition Widgets = new()
    {
        Group = "",
        Version = "v1",
        Kind = "Widget",
        Plural = "widgets",
        Singular = "widget",
        Scope = ResourceScope.Cluster,
        HasStrategicMergePatch = true,
        HasStatus = false,
        Schema = StandardSchemas.Root("A widget.", []),
    };

    private static JsonObject V3(string path) =>
        (JsonObject)JsonNode.Parse(OpenApiV3Documents.Build("t", [Models, Widgets]).Documents[path].Utf8.Span)!;

    private static JsonObject V2() => (JsonObject)JsonNode.Parse(OpenApiV2Document.Build("t", [Models, Widgets]).Utf8.Span)!;

    [TestMethod]
    public void Build_V3_IndexPointsAtEachDocumentByHash()
    {
        OpenApiV3Documents documents = OpenApiV3Documents.Build("t", [Models, Widgets]);
        OpenApiDocument models = documents.Documents["apis/ai.deckhouse.io/v1alpha1"];

        Assert.AreEqual(Convert.ToHexString(SHA512.HashData(models.Utf8.Span)), models.Hash);
        Assert.AreEqual(
            $"/openapi/v3/apis/ai.deckhouse.io/v1alpha1?hash={models.Hash}",
            (string?)JsonNode.Parse(documents.Index.Utf8.Span)!["paths"]!["apis/ai.deckhouse.io/v1alpha1"]!["serverRelativeURL"]);
        CollectionAssert.AreEqual(new[] { "api/v1", "apis/ai.deckhouse.io/v1alpha1" }, documents.Documents.Keys.ToArray());
        Assert.AreEqual(models.Hash, OpenApiV3Documents.Build("t", [Models]).Documents["apis/ai.deckhouse.io/v1alpha1"].Hash);
    }

    [TestMethod]
    public void O17_O19_O20_O23_O24_Build_V3_PatchSaysWhatKubectlLooksFor()
    {
        JsonNode patch = V3("apis/ai.deckhouse.io/v1alpha1")["paths"]![ItemPath]!["patch"]!;

        Assert.AreEqual("""{"group":"ai.deckhouse.io","version":"v1alpha1","kind":"Model"}""", patch["x-kubernetes-group-version-kind"]!.ToJsonString());
        Assert.AreEqual("patch", (string?)patch["x-kubernetes-action"]);
        Assert.AreEqual("patchAiDeckhouseIoV1alpha1NamespacedModel", (string?)patch["operationId"]);
        CollectionAssert.IsSubsetOf(
            new[] { "dryRun", "fieldManager", "fieldValidation", "force" }, ((JsonArray)patch["parameters"]!).Select(p => (string?)p!["name"]).ToArray());
        CollectionAssert.AreEqual(
            new[] { "application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml" },
            ((JsonObject)patch["requestBody"]!["content"]!).Select(c => c.Key).ToArray());
    }

    [TestMethod]
    public void O21_K14_Build_V3_StrategicMergeIsAdvertisedOnlyWhereItIsSupported()
    {
        var content = (JsonObject)V3("api/v1")["paths"]!["/api/v1/widgets/{name}"]!["patch"]!["requestBody"]!["content"]!;

        Assert.IsTrue(content.ContainsKey("application/strategic-merge-patch+json"));
    }

    [TestMethod]
    public void O18_O22_Build_V3_KindsAndListsCarryTheirGvk()
    {
        var schemas = V3("apis/ai.deckhouse.io/v1alpha1")["components"]!["schemas"]!;

        Assert.AreEqual("""[{"group":"ai.deckhouse.io","version":"v1alpha1","kind":"Model"}]""", schemas["io.deckhouse.ai.v1alpha1.Model"]!["x-kubernetes-group-version-kind"]!.ToJsonString());
        Assert.AreEqual("""[{"group":"ai.deckhouse.io","version":"v1alpha1","kind":"ModelList"}]""", schemas["io.deckhouse.ai.v1alpha1.ModelList"]!["x-kubernetes-group-version-kind"]!.ToJsonString());
        Assert.AreEqual(
            "map", (string?)schemas["io.deckhouse.ai.v1alpha1.Model"]!["properties"]!["status"]!["properties"]!["conditions"]!["x-kubernetes-list-type"]);
    }

    [TestMethod]
    public void O5_O6_Build_V2_EveryDefinitionHasANameOfOurs_AndSharedOnesNoGvk()
    {
        foreach ((string name, JsonNode? definition) in JsonNode.Parse(OpenApiV2Document.Build("t", [Models]).Utf8.Span)!["definitions"]!.AsObject())
        {
            Assert.IsFalse(name.StartsWith("io.k8s.", StringComparison.Ordinal), $"kube-aggregator would rename {name}");
            Assert.AreNotEqual(name.StartsWith("io.deckhouse.ai.meta.v1.", StringComparison.Ordinal), ((JsonObject)definition!).ContainsKey("x-kubernetes-group-version-kind"), name);
        }
    }

    [TestMethod]
    public void O18_Build_V3_MetaTypesHaveKubernetesNames() =>
        Assert.IsNotNull(V3("apis/ai.deckhouse.io/v1alpha1")["components"]!["schemas"]!["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"], "a document of one group is not merged");

    [TestMethod]
    public void O4_Build_V2_PathsHaveTheTrailingGroupVersion()
    {
        JsonObject document = V2();

        Assert.AreEqual("2.0", (string?)document["swagger"]);
        Assert.IsNotNull(document["paths"]![ItemPath]!["put"]!["parameters"]![0]!["schema"]!["$ref"]);
        CollectionAssert.Contains(((JsonArray)document["paths"]![ItemPath]!["patch"]!["consumes"]!).Select(c => (string?)c).ToArray(), "application/apply-patch+yaml");
    }

    [TestMethod]
    public void O26_Build_EveryReference_Resolves()
    {
        JsonObject v2 = V2(), v3 = V3("apis/ai.deckhouse.io/v1alpha1");
        foreach (string reference in References(v3))
        {
            Assert.IsNotNull(v3["components"]!["schemas"]![reference["#/components/schemas/".Length..]], reference);
        }

        foreach (string reference in References(v2))
        {
            Assert.IsNotNull(v2["definitions"]![reference["#/definitions/".Length..]], reference);
        }
    }

    [TestMethod]
    public void O24_Build_OperationIds_AreUnique()
    {
        var ids = ((JsonObject)V3("apis/ai.deckhouse.io/v1alpha1")["paths"]!).SelectMany(path => (JsonObject)path.Value!)
            .Select(operation => (operation.Value as JsonObject)?["operationId"]).Where(id => id is not null).Select(id => (string?)id).ToList();

        CollectionAssert.AllItemsAreUnique(ids);
        CollectionAssert.Contains(ids, "listAiDeckhouseIoV1alpha1ModelForAllNamespaces");
        CollectionAssert.Contains(ids, "deleteAiDeckhouseIoV1alpha1CollectionNamespacedModel");
        CollectionAssert.Contains(ids, "replaceAiDeckhouseIoV1alpha1NamespacedModelStatus");
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject obj => obj.SelectMany(field => field.Key == "$ref" ? [(string)field.Value!] : References(field.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
