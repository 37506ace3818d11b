using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiServer.Tests.ApiMachinery.Validation;

/// <summary>Contract B1-B7.</summary>
[TestClass]
public sealed class ObjectMetaRulesTests
{
    private static JsonObject WithMetadata(string metadata) => new() { ["metadata"] = JsonNode.Parse(metadata) };

    private static string Errors(string metadata, bool isNamespaced = true) =>
        string.Join('\n', ObjectMetaRules.Validate(WithMetadata(metadata), isNamespaced));

    [TestMethod]
    public void Validate_GoodMetadata_HasNoErrors() => Assert.AreEqual("", Errors("""
        {"name":"a.b-c","namespace":"d8-system","generateName":"x-","labels":{"example.com/Name":"v_1.2","e":""},"annotations":{"Example.com/X":"anything at all"},
         "finalizers":["example.com/f"],"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"d","uid":"u","controller":true}]}
        """));

    [TestMethod]
    public void B1_Validate_BadName_QuotesTheRule() => Assert.AreEqual(
        "metadata.name: Invalid value: \"X\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            .Replace("\\\\", "\\", StringComparison.Ordinal),
        Errors("""{"name":"X","namespace":"n"}"""));

    [TestMethod]
    [DataRow("""{"namespace":"n"}""", "metadata.name: Required value: name or generateName is required")]
    [DataRow("""{"name":"a"}""", "metadata.namespace: Required value")]
    [DataRow("""{"name":"a","namespace":"n","finalizers":["orphan","foregroundDeletion"]}""", "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":""}]}""", "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"","kind":"Pod","name":"x","uid":"u"}]}""", "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"a/b/c","kind":"Pod","name":"x","uid":"u"}]}""", "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"","name":"x","uid":"u"}]}""", "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"","uid":"u"}]}""", "metadata.ownerReferences.name: Invalid value: \"\": must not be empty")]
    [DataRow("""{"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"x","uid":"u"}]}""",
        "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"x\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner")]
    [DataRow("""{"name":"a","namespace":"n","finalizers":["a b"]}""",
        "metadata.finalizers: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")]
    public void B2_B4_B5_Validate_OneMistake_IsOneError(string metadata, string expected) => Assert.AreEqual(expected, Errors(metadata));

    [TestMethod]
    public void B4_Validate_TwoControllers_NamesBoth()
    {
        string errors = Errors("""
            {"name":"a","namespace":"n","ownerReferences":[{"apiVersion":"v1","kind":"A","name":"x","uid":"1","controller":true},{"apiVersion":"v1","kind":"B","name":"y","uid":"2","controller":true}]}
            """);

        Assert.EndsWith("Only one reference can have Controller set to true. Found \"true\" in references for A/x and B/y", errors);
    }

    [TestMethod]
    public void B3_Validate_HugeAnnotations_AreTooLong()
    {
        var obj = WithMetadata("""{"name":"a","annotations":{}}""");
        obj["metadata"]!["annotations"]!["k"] = new string('x', 262144);

        FieldError error = ObjectMetaRules.Validate(obj, isNamespaced: false).Single();

        Assert.AreEqual("metadata.annotations: Too long: may not be more than 262144 bytes", error.ToString());
        obj["metadata"]!["annotations"]!["k"] = new string('x', 262143);
        Assert.IsEmpty(ObjectMetaRules.Validate(obj, isNamespaced: false), "keys and values together");
    }

    [TestMethod]
    [DataRow("name", "\"a\"", "\"b\"")]
    [DataRow("namespace", "\"a\"", "\"b\"")]
    [DataRow("uid", "\"a\"", "\"b\"")]
    [DataRow("creationTimestamp", "\"2026-01-01T00:00:00Z\"", "\"2026-01-02T00:00:00Z\"")]
    [DataRow("deletionTimestamp", "\"2026-01-01T00:00:00Z\"", "\"2026-01-02T00:00:00Z\"")]
    [DataRow("deletionGracePeriodSeconds", "0", "5")]
    public void B6_ValidateUpdate_OfEachFixedField_SaysImmutable(string field, string before, string after) => Assert.AreEqual(
        $"metadata.{field}: Invalid value: {after}: field is immutable",
        ObjectMetaRules.ValidateUpdate(WithMetadata($"{{\"{field}\":{after}}}"), WithMetadata($"{{\"{field}\":{before}}}")).Single().ToString());

    [TestMethod]
    public void Validate_NamespaceOnClusterKind_IsForbidden() =>
        Assert.AreEqual("metadata.namespace: Forbidden: not allowed on this type", Errors("""{"name":"a","namespace":"n"}""", isNamespaced: false));

    [TestMethod]
    public void B6_U5_ValidateUpdate_OfFixedFields_SaysImmutable()
    {
        var errors = ObjectMetaRules.ValidateUpdate(
            WithMetadata("""{"name":"b","uid":"u","deletionTimestamp":"2026-01-01T00:00:00Z"}"""), WithMetadata("""{"name":"a","uid":"u"}"""));

        Assert.AreEqual(
            "metadata.name: Invalid value: \"b\": field is immutable\nmetadata.deletionTimestamp: Invalid value: \"2026-01-01T00:00:00Z\": field is immutable",
            string.Join('\n', errors));
    }

    [TestMethod]
    public void B7_ValidateUpdate_NewFinalizerWhileTerminating_IsForbidden()
    {
        const string Terminating = """{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["e.com/a"]}""";
        var errors = ObjectMetaRules.ValidateUpdate(
            WithMetadata(Terminating.Replace("\"e.com/a\"", "\"e.com/a\",\"e.com/x\"", StringComparison.Ordinal)), WithMetadata(Terminating));

        Assert.AreEqual(
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"e.com/x\"}",
            errors.Single().ToString());
    }

    [TestMethod]
    public void B5_Warnings_BareFinalizer_IsMentioned() => Assert.AreEqual(
        "metadata.finalizers: \"foo\": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers",
        ObjectMetaRules.Warnings(WithMetadata("""{"finalizers":["foo","orphan","foregroundDeletion","kubernetes"]}""")).Single());
}
