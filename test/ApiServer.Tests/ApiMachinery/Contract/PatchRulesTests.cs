namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Patches: each refusal whole, with its code, reason and words (contract 4.8, V6).</summary>
[TestClass]
public sealed class PatchRulesTests
{
    private const string Merge = "application/merge-patch+json", Patch = "application/json-patch+json", Apply = "application/apply-patch+yaml";
    private const string Head = "\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\"";
    private static readonly string s_path = WidgetServer.Widgets() + "/w";
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        s_server = await WidgetServer.StartAsync();
        await s_server.CreateAsync(WidgetServer.New("w"));
    }

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task P1_Type_IsReadWithoutItsParameters_AndTheRefusalHasItsReason()
    {
        Answer parameters = await s_server.SendAsync("PATCH", s_path, "{}", Merge + "; charset=utf-8");
        Answer plain = await s_server.SendAsync("PATCH", s_path, "{}", "application/json");
        Answer none = await s_server.SendAsync("PATCH", s_path, "{}", null);

        Assert.AreEqual(200, parameters.Code, parameters.Text);
        Assert.AreEqual((415, "UnsupportedMediaType"), (plain.Code, (string?)plain.Json["reason"]));
        Assert.AreEqual(415, none.Code);
    }

    [TestMethod]
    public async Task P3_Apply_WithAUid_CreatesNothing()
    {
        Answer answer = await s_server.SendAsync(
            "PATCH", WidgetServer.Widgets() + "/p3?fieldManager=m", "{" + Head + ",\"metadata\":{\"name\":\"p3\",\"uid\":\"U\"}}", Apply);

        Assert.AreEqual(409, answer.Code);
        StringAssert.EndsWith(answer.Message, "uid mismatch: the provided object specified uid U, and no existing object was found");
        Assert.AreEqual(404, (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/p3")).Code);
    }

    [TestMethod]
    [DataRow("""[{"op":"test","path":"/spec/none","value":1}]""")]
    [DataRow("""[{"op":"test","path":"/none/deeper","value":1}]""")]
    [DataRow("""[{"op":"remove","path":"/spec/none"}]""")]
    [DataRow("""[{"op":"move","from":"/spec/none","path":"/spec/text"}]""")]
    [DataRow("""[{"op":"add","path":"","value":{}}]""")]
    [DataRow("""[{"op":"add","path":"/none/deeper","value":1}]""")]
    [DataRow("""[{"op":"add","path":"/metadata/managedFields/99","value":{}}]""")]
    [DataRow("""[{"op":"test","path":"/spec/color","value":"green"}]""")]
    public async Task P4_Operation_ThatCannotBeCarriedOut_IsThisStatus(string patch)
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path, patch, Patch);

        Assert.AreEqual(
            """{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server rejected our request due to an error in our request","reason":"Invalid","details":{},"code":422}""",
            answer.Text.TrimEnd());
    }

    [TestMethod]
    public async Task P4_Replace_OfAMissingMember_AddsIt()
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path + "?dryRun=All", """[{"op":"replace","path":"/spec/size","value":1},{"op":"test","path":"/spec/none"}]""", Patch);

        Assert.AreEqual((200, 1), (answer.Code, (int?)answer.Json["spec"]?["size"]), answer.Text);
    }

    [TestMethod]
    [DataRow("""[{"op":5,"path":"/spec"}]""", "number into Go struct field jsonPatchOp.op of type string")]
    [DataRow("""[{"op":"add","path":[]}]""", "array into Go struct field jsonPatchOp.path of type string")]
    [DataRow("""[{"op":"move","from":{},"path":"/spec"}]""", "object into Go struct field jsonPatchOp.from of type string")]
    public async Task P4_Operation_OfTheWrongType_Is400(string patch, string problem)
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path, patch, Patch);

        Assert.AreEqual((400, "error decoding patch: json: cannot unmarshal " + problem), (answer.Code, answer.Message));
    }

    [TestMethod]
    public async Task P4_JsonPatch_OfMoreThanTenThousandOperations_Is413()
    {
        string most = "[" + string.Join(',', Enumerable.Repeat("""{"op":"test","path":"/kind","value":"Widget"}""", 10_000));

        Answer taken = await s_server.SendAsync("PATCH", s_path, most + "]", Patch);
        Answer refused = await s_server.SendAsync("PATCH", s_path, most + ",{}]", Patch);

        Assert.AreEqual(200, taken.Code);
        Assert.AreEqual((413, "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"), (refused.Code, refused.Message));
    }

    [TestMethod]
    public async Task P7_Patch_OfTheNamespace_IsRefused()
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path, """{"metadata":{"namespace":"other"}}""", Merge);

        Assert.AreEqual((400, "the namespace of the provided object does not match the namespace sent on the request"), (answer.Code, answer.Message));
    }

    [TestMethod]
    [DataRow(Merge)]
    [DataRow(Patch)]
    public async Task P8_Force_IsForApplyOnly_EvenWhenItIsFalse(string type)
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path + "?force=false", type == Merge ? "{}" : "[]", type);

        Assert.AreEqual((422, "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"), (answer.Code, answer.Message));
    }

    [TestMethod]
    public async Task V6_Strict_NamesDuplicatesOfThePatch_AndUnknownMetadata()
    {
        Answer json = await s_server.SendAsync("PATCH", s_path + "?fieldValidation=Strict", """[{"op":"add","op":"add","path":"/spec/size","value":1}]""", Patch);
        Answer merge = await s_server.SendAsync("PATCH", s_path + "?fieldValidation=Strict", """{"spec":{"size":1,"size":2}}""", Merge);
        Answer metadata = await s_server.SendAsync("PATCH", s_path + "?fieldValidation=Strict", """{"metadata":{"x":1}}""", Merge);
        Answer warned = await s_server.SendAsync("PATCH", s_path + "?dryRun=All", """[{"op":"add","op":"add","path":"/spec/size","value":1}]""", Patch);

        Assert.AreEqual((422, 422, 422), (json.Code, merge.Code, metadata.Code), json.Text + merge.Text + metadata.Text);
        StringAssert.EndsWith(json.Message, "strict decoding error: json patch duplicate field \"[0].op\"");
        StringAssert.EndsWith(merge.Message, "strict decoding error: duplicate field \"spec.size\"");
        StringAssert.EndsWith(metadata.Message, "strict decoding error: unknown field \"metadata.x\"");
        Assert.AreEqual("299 - \"json patch duplicate field \\\"[0].op\\\"\"", warned.Header("Warning"));
        Assert.IsNull(metadata.Json["details"]!["kind"]);
    }

    [TestMethod]
    public async Task V6_JsonPatch_WithMembersThatMeanNothing_WarnsOrIsRefused()
    {
        const string Body = """[{"op":"add","path":"/spec/size","value":1,"foo":2}]""";

        Answer warned = await s_server.SendAsync("PATCH", s_path + "?dryRun=All", Body, Patch);
        Answer refused = await s_server.SendAsync("PATCH", s_path + "?dryRun=All&fieldValidation=Strict", Body, Patch);

        Assert.AreEqual((200, "299 - \"json patch unknown field \\\"[0].foo\\\"\""), (warned.Code, warned.Header("Warning")));
        Assert.AreEqual(422, refused.Code);
        StringAssert.EndsWith(refused.Message, "strict decoding error: json patch unknown field \"[0].foo\"");
    }

    [TestMethod]
    [DataRow("apiVersion")]
    [DataRow("kind")]
    public async Task V6_Type_ThatIsNoText_IsTold_WithTheObjectInTheOrderOfGo(string field)
    {
        Answer answer = await s_server.SendAsync("PATCH", s_path, $$"""{"{{field}}":5}""", Merge);

        Assert.AreEqual(422, answer.Code);
        StringAssert.EndsWith(answer.Message, $"couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .{field} of type string");
        StringAssert.Matches(answer.Message, new("\"apiVersion.*\"kind.*\"metadata\\\\\":{\\\\\"creationTimestamp.*managedFields.*\"name.*\"spec"));
    }

    [TestMethod]
    public async Task V7_M32_Apply_OutsideTheSchema_NamesEachField_AndTheNamespaceOfTheBody()
    {
        Answer two = await s_server.SendAsync(
            "PATCH", s_path + "?fieldManager=m&fieldValidation=Ignore", "{" + Head + ",\"metadata\":{\"name\":\"w\",\"namespace\":\"default\"},\"spec\":{\"x\":1,\"y\":2}}", Apply);
        Answer wrong = await s_server.SendAsync("PATCH", s_path + "?fieldManager=m", "{" + Head + ",\"metadata\":{\"name\":\"w\"},\"spec\":{\"text\":5}}", Apply);

        Assert.AreEqual((500, 500), (two.Code, wrong.Code));
        Assert.IsNull(two.Json["reason"]);
        Assert.AreEqual(
            "failed to create typed patch object (default/w; example.com/v1, Kind=Widget): errors:\n  .spec.x: field not declared in schema\n  .spec.y: field not declared in schema", two.Message);
        Assert.AreEqual(
            "failed to create typed patch object (/w; example.com/v1, Kind=Widget): .spec.text: expected string, got &value.valueUnstructured{Value:5}", wrong.Message);
    }
}
