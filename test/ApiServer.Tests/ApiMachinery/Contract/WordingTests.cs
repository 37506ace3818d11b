using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Answers to what is wrong, as a running kube-apiserver 1.36 gave them to the same requests about a custom resource of the same schema.</summary>
[TestClass]
public sealed class WordingTests
{
    private const string Merge = "application/merge-patch+json", Patch = "application/json-patch+json", Apply = "application/apply-patch+yaml";
    private const string TypeMeta = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";
    private const string Head = "\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\"";
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
    [DataRow("", "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)")]
    [DataRow("null", "Object 'Kind' is missing in 'null' (6e756c6c)")]
    [DataRow("[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type " + TypeMeta + " (5b5d)")]
    [DataRow("{", "couldn't get version/kind; json parse error: unexpected end of JSON input ({)")]
    [DataRow("{\"a\":1}", "Object 'Kind' is missing in '{\"a\":1}' ({\"a\":1})")]
    [DataRow("{\"apiVersion\":\"example.com/v1\"}", "Object 'Kind' is missing in '{\"apiVersion\":\"example.com/v1\"}' ({\"apiVersion\":\"example.com/v1\" ...)")]
    [DataRow("{\"apiVersion\":5}", "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .apiVersion of type string ({\"apiVersion\":5})")]
    [DataRow("{\"apiVersion\":\"a/b/c\",\"kind\":\"W\"}", "unexpected GroupVersion string: a/b/c ({\"apiVersion\":\"a/b/c\",\"kind\":\" ...)")]
    [DataRow("{" + Head + "}{}", "couldn't get version/kind; json parse error: invalid character '{' after top-level value ({\"apiVersion\":\"example.com/v1\" ...)")]
    public async Task C4_Create_OfWhatIsNoObject_SaysWhatItIs(string body, string problem)
    {
        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), body);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual("the object provided is unrecognized (must be of type Widget): " + problem, answer.Message);
    }

    [TestMethod]
    [DataRow("{" + Head + ",\"metadata\":\"x\"}", "json: cannot unmarshal string into Go value of type v1.ObjectMeta")]
    [DataRow("{" + Head + ",\"metadata\":{\"name\":5}}", "json: cannot unmarshal number into Go struct field ObjectMeta.name of type string")]
    [DataRow("{" + Head + ",\"metadata\":{\"name\":\"a\"},\"spec\":{\"size\":1e999}}", "json: cannot unmarshal number 1e999 into Go value of type float64")]
    public async Task C4_Create_OfFieldsOfTheWrongType_NamesTheKind(string body, string problem)
    {
        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), body);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual("Widget in version \"v1\" cannot be handled as a Widget: " + problem, answer.Message);
    }

    [TestMethod]
    public async Task C4_Create_WithoutApiVersion_SaysWhichIsExpected() =>
        Assert.AreEqual("the API version in the data () does not match the expected API version (example.com/v1)",
            (await s_server.SendAsync("POST", WidgetServer.Widgets(), "{\"kind\":\"Widget\"}")).Message);

    [TestMethod]
    public async Task B1_Create_WithANameThatIsTooLongOrAPath_SaysOnlyWhatTheKindsRuleSays()
    {
        Answer tooLong = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New(new string('a', 254)));
        Answer longest = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=All", WidgetServer.New(new string('a', 253)));
        Answer path = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a/b"));

        StringAssert.EndsWith(tooLong.Message, "must be no more than 253 characters");
        Assert.AreEqual(201, longest.Code);
        Assert.HasCount(1, path.Json["details"]!["causes"]!.AsArray());
    }

    [TestMethod]
    public async Task B4_OwnersListedTwice_AreKeptOnce_WithAWarning()
    {
        JsonObject widget = WidgetServer.New("b4");
        const string Owner = """{"apiVersion":"v1","kind":"Pod","name":"a","uid":"u"}""";
        widget["metadata"]!["ownerReferences"] = JsonNode.Parse($"""[{Owner},{Owner.Replace("\"a\"", "\"b\"", StringComparison.Ordinal)},{Owner}]""");

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.HasCount(2, answer.Json["metadata"]!["ownerReferences"]!.AsArray(), "one UID with two names is not the same reference");
        StringAssert.Contains(answer.Header("Warning"), "please fix your requests; duplicate UID(s) observed: u");
    }

    [TestMethod]
    public async Task E11_Warning_AboutAFieldInAnotherScript_IsUtf8()
    {
        using var http = new HttpClient(new SocketsHttpHandler { ResponseHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 }) { BaseAddress = s_server.Address };
        using var body = new StringContent("{" + Head + ",\"metadata\":{\"name\":\"e11\"},\"größe\":1,\"\\ud800\\u007f\":2}", System.Text.Encoding.UTF8, "application/json");

        using HttpResponseMessage answer = await http.PostAsync(WidgetServer.Widgets() + "?dryRun=All", body);

        Assert.AreEqual(201, (int)answer.StatusCode);
        CollectionAssert.AreEqual(
            new[] { "299 - \"unknown field \\\"größe\\\"\"", "299 - \"unknown field \\\"\ufffd \\\"\"" }, answer.Headers.NonValidated["Warning"].ToArray());
    }

    [TestMethod]
    public async Task A24_AuditId_ThatNoHeaderCanHave_IsReplaced()
    {
        using var http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 }) { BaseAddress = s_server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, WidgetServer.Widgets());
        request.Headers.TryAddWithoutValidation("Audit-ID", "größe");

        using HttpResponseMessage answer = await http.SendAsync(request);

        Assert.AreEqual(200, (int)answer.StatusCode);
        Assert.IsTrue(Guid.TryParse(answer.Headers.NonValidated["Audit-ID"].ToString(), out _));
    }

    [TestMethod]
    public async Task C2_Create_WithANullLabel_StoresAnEmptyOne()
    {
        JsonObject widget = WidgetServer.New("c2");
        widget["metadata"]!["labels"] = new JsonObject { ["a"] = null };

        Assert.AreEqual("", (string?)(await s_server.CreateAsync(widget))["metadata"]!["labels"]!["a"]);
    }

    [TestMethod]
    [DataRow("limit=abc", "strconv.ParseInt: parsing \"abc\": invalid syntax")]
    [DataRow("limit=", "strconv.ParseInt: parsing \"\": invalid syntax")]
    [DataRow("limit=99999999999999999999", "strconv.ParseInt: parsing \"99999999999999999999\": value out of range")]
    [DataRow("timeoutSeconds=1e3", "strconv.ParseInt: parsing \"1e3\": invalid syntax")]
    [DataRow("resourceVersion=99999999999999999999", "invalid resource version: resourceVersion: Invalid value: \"99999999999999999999\": strconv.ParseUint: parsing \"99999999999999999999\": value out of range")]
    [DataRow("continue=abc", "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value")]
    [DataRow("continue=abc&resourceVersion=5", "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value")]
    [DataRow("continue=%25", "invalid continue token: continue key is not valid: illegal base64 data at input byte 0")]
    [DataRow("continue=eyJ2IjoxfQ", "invalid continue token: continue key is not valid: json: cannot unmarshal number into Go struct field continueToken.v of type string")]
    [DataRow("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0", "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")]
    [DataRow("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NX0", "invalid continue token: continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")]
    [DataRow("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjIiLCJydiI6NSwic3RhcnQiOiJhIn0", "invalid continue token: continue key is not valid: server does not recognize this encoded version meta.k8s.io/v2")]
    [DataRow("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9hIn0", "invalid continue token: continue key is not valid: ../a")]
    [DataRow("timeout=5", "invalid timeout specified in the request URL - time: missing unit in duration \"5\"")]
    [DataRow("timeout=5x", "invalid timeout specified in the request URL - time: unknown unit \"x\" in duration \"5x\"")]
    [DataRow("timeout=abc", "invalid timeout specified in the request URL - time: invalid duration \"abc\"")]
    public async Task L5_L6_L7_E9_List_WithUnreadableOptions_IsRefusedInGosWords(string query, string message)
    {
        Answer answer = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?" + query);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual(message, answer.Message);
    }

    [TestMethod]
    public async Task L11_W1_RepeatedParameters_CountOnce_AndFalseHasNoCase()
    {
        JsonObject widget = WidgetServer.New("l11");
        widget["metadata"]!["labels"] = new JsonObject { ["a"] = "b" };
        await s_server.CreateAsync(widget, "l11");

        Answer repeated = await s_server.SendAsync("GET", WidgetServer.Widgets("l11") + "?labelSelector=a%3Db&labelSelector=a%3Dc");
        Answer list = await s_server.SendAsync("GET", WidgetServer.Widgets("l11") + "?watch=False");

        Assert.HasCount(1, repeated.Json["items"]!.AsArray());
        Assert.AreEqual("WidgetList", (string?)list.Json["kind"]);
    }

    [TestMethod]
    public async Task W14_Watch_ThatContinuesAList_IsInvalid() =>
        Assert.AreEqual("ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
            (await s_server.SendAsync("GET", WidgetServer.Widgets() + "?watch=1&continue=abc&timeoutSeconds=1")).Message);

    [TestMethod]
    public async Task U2_U3_Update_WithoutNameOrWithVersionZero_IsRefused()
    {
        JsonObject nameless = WidgetServer.New("x"), zero = WidgetServer.New("w");
        nameless["metadata"] = new JsonObject { ["resourceVersion"] = "1" };
        zero["metadata"]!["resourceVersion"] = "0";

        Answer name = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/w", nameless);
        Answer version = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/w", zero);

        Assert.AreEqual("the name of the object (w based on URL) was undeterminable: name must be provided", name.Message);
        Assert.AreEqual(422, version.Code);
        StringAssert.EndsWith(version.Message, "metadata.resourceVersion: Invalid value: 0: must be specified for an update");
    }

    [TestMethod]
    [DataRow("""{"metadata":{"labels":{"a":5}}}""", "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string")]
    [DataRow("""{"metadata":5}""", "json: cannot unmarshal number into Go value of type v1.ObjectMeta")]
    [DataRow("""{"kind":null}""", "Object 'Kind' is missing in ")]
    public async Task V6_Patch_WhoseResultCannotBeRead_ShowsIt(string patch, string problem)
    {
        foreach (string validation in new[] { "", "?fieldValidation=Ignore", "?fieldValidation=Strict" })
        {
            Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w" + validation, patch, Merge);

            Assert.AreEqual(422, answer.Code);
            StringAssert.StartsWith(answer.Message, " \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\":");
            StringAssert.Contains(answer.Message, "}\": " + problem);
        }
    }

    [TestMethod]
    [DataRow("""{"apiVersion":null}""", 500, "Internal error occurred: Object 'apiVersion' is missing in 'object has no apiVersion field'")]
    [DataRow("""{"apiVersion":"x/v1"}""", 422, "Widget.x \"w\" is invalid: apiVersion: Invalid value: \"x/v1\": must be example.com/v1")]
    [DataRow("""{"kind":"Gadget"}""", 422, "Gadget.example.com \"w\" is invalid: kind: Invalid value: \"Gadget\": must be Widget")]
    [DataRow("""{"metadata":{"name":null}}""", 400, "the name of the object (w based on URL) was undeterminable: name must be provided")]
    [DataRow("null", 400, "Invalid JSON Patch")]
    [DataRow("[]", 400, "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}")]
    [DataRow("""{"a":1} x""", 400, "error decoding patch: invalid character 'x' after top-level value")]
    public async Task P5_P7_MergePatch_OfWhatMustStay_IsRefused(string patch, int code, string message)
    {
        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w", patch, Merge);

        Assert.AreEqual(code, answer.Code);
        Assert.AreEqual(message, answer.Message);
    }

    [TestMethod]
    [DataRow("[{}]", 422, "the server rejected our request due to an error in our request")]
    [DataRow("""[{"op":"frobnicate","path":"/spec"}]""", 422, "the server rejected our request due to an error in our request")]
    [DataRow("""[{"op":"add","path":"spec","value":1}]""", 422, "the server rejected our request due to an error in our request")]
    [DataRow("[5]", 400, "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp")]
    [DataRow("{}", 400, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp")]
    [DataRow("", 400, "error decoding patch: unexpected end of JSON input")]
    public async Task P4_JsonPatch_ThatIsNoneOrCannotBeCarriedOut_IsRefused(string patch, int code, string message)
    {
        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w", patch, Patch);

        Assert.AreEqual(code, answer.Code);
        Assert.AreEqual(message, answer.Message);
    }

    [TestMethod]
    [DataRow("", "invalid object type: /, Kind=")]
    [DataRow("a: b", "invalid object type: /, Kind=")]
    [DataRow("apiVersion: v1\nkind: Pod", "invalid object type: /v1, Kind=Pod")]
    [DataRow("[]", "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}")]
    [DataRow("&a [*a]", "error decoding YAML: error converting YAML to JSON: yaml: anchor 'a' value contains itself")]
    [DataRow("a: .inf", "error decoding YAML: error converting YAML to JSON: json: unsupported value: +Inf")]
    [DataRow("{" + Head + ",\"metadata\":{\"name\":\"w\",\"managedFields\":[]}}", "metadata.managedFields must be nil")]
    [DataRow("{" + Head + ",\"metadata\":{\"name\":\"v\"}}", "the name of the object (v) does not match the name on the URL (w)")]
    public async Task M20_Apply_OfWhatIsNoConfiguration_Is400(string body, string message)
    {
        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w?fieldManager=m", body, Apply);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual(message, answer.Message);
    }

    [TestMethod]
    public async Task M20_Apply_WithoutAName_NeedsAnObjectThatHasOne()
    {
        Answer there = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w?fieldManager=m", "{" + Head + "}", Apply);
        Answer absent = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/absent?fieldManager=m", "{" + Head + "}", Apply);

        Assert.AreEqual(200, there.Code, there.Text);
        Assert.AreEqual(400, absent.Code);
        Assert.AreEqual("the name of the object (absent based on URL) was undeterminable: name must be provided", absent.Message);
    }

    [TestMethod]
    [DataRow("{" + Head + ",\"metadata\":{\"name\":\"w\"},\"spec\":{\"size\":1,\"size\":2}}", "line 1: key \"size\" already set in map")]
    [DataRow("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  size: 1\n  size: 2\n", "line 6: key \"size\" already set in map")]
    public async Task M20_V5_Apply_WithAKeyTwice_WarnsOrRefusesByLine(string body, string problem)
    {
        Answer warned = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w?fieldManager=m", body, Apply);
        Answer refused = await s_server.SendAsync("PATCH", WidgetServer.Widgets() + "/w?fieldManager=m&fieldValidation=Strict", body, Apply);

        Assert.AreEqual(200, warned.Code, warned.Text);
        Assert.AreEqual($"299 - \"{problem.Replace("\"", "\\\"", StringComparison.Ordinal)}\"", warned.Header("Warning"));
        Assert.AreEqual("error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  " + problem, refused.Message);
    }

    [TestMethod]
    public async Task M24_Apply_WithAVersionThatIsNone_Is500WithoutReason()
    {
        Answer answer = await s_server.SendAsync(
            "PATCH", WidgetServer.Widgets() + "/w?fieldManager=m", "{" + Head + ",\"metadata\":{\"name\":\"w\",\"resourceVersion\":\"abc\"}}", Apply);

        Assert.AreEqual(500, answer.Code);
        Assert.AreEqual("strconv.ParseUint: parsing \"abc\": invalid syntax", answer.Message);
        Assert.IsNull(answer.Json["reason"]);
    }

    [TestMethod]
    [DataRow("""{"propagationPolicy":5}""", "json: cannot unmarshal number into Go struct field DeleteOptions.propagationPolicy of type v1.DeletionPropagation")]
    [DataRow("""{"orphanDependents":"x"}""", "json: cannot unmarshal string into Go struct field DeleteOptions.orphanDependents of type bool")]
    [DataRow("""{"gracePeriodSeconds":1.5}""", "json: cannot unmarshal number 1.5 into Go struct field DeleteOptions.gracePeriodSeconds of type int64")]
    [DataRow("""{"preconditions":[1]}""", "json: cannot unmarshal array into Go struct field DeleteOptions.preconditions of type v1.Preconditions")]
    [DataRow("""{"preconditions":{"uid":5}}""", "json: cannot unmarshal number into Go struct field Preconditions.preconditions.uid of type types.UID")]
    [DataRow("""{"dryRun":"All"}""", "json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string")]
    [DataRow("""{"kind":"Pod","apiVersion":"v1"}""", "no kind \"Pod\" is registered for version \"v1\" in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"")]
    public async Task X1_Delete_WithOptionsOfTheWrongType_DeletesNothing(string body, string message)
    {
        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/w", body);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual(message, answer.Message);
    }

    [TestMethod]
    public async Task X1_Delete_WithNullOptions_HasNone()
    {
        await s_server.CreateAsync(WidgetServer.New("x1"));

        Assert.AreEqual(200, (await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x1", "null")).Code);
    }

    [TestMethod]
    public async Task N1_N7_N11_Tables_HaveTheVersionThatIsAskedFor_AndQualityOrdersOnly()
    {
        Answer beta = await s_server.SendAsync("GET", WidgetServer.Widgets(), accept: "application/json;as=Table;v=v1beta1;g=meta.k8s.io");
        Answer partial = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/w", accept: "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io");
        Answer list = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/w", accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
        Answer zero = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/w", accept: "application/json;q=0");

        Assert.AreEqual("meta.k8s.io/v1beta1", (string?)beta.Json["apiVersion"]);
        Assert.AreEqual("meta.k8s.io/v1beta1", (string?)beta.Json["rows"]![0]!["object"]!["apiVersion"]);
        Assert.AreEqual("meta.k8s.io/v1beta1", (string?)partial.Json["apiVersion"]);
        Assert.AreEqual((500, "content is not a list"), (list.Code, list.Message));
        Assert.AreEqual(200, zero.Code);
    }

    [TestMethod]
    public async Task Q1_Path_ThatBeginsWithTwoSlashes_IsNone()
    {
        Assert.AreEqual(404, (await s_server.SendAsync("GET", s_server.Address.GetLeftPart(UriPartial.Authority) + "//apis/example.com/v1")).Code);
        Assert.AreEqual(404, (await s_server.SendAsync("GET", s_server.Address.GetLeftPart(UriPartial.Authority) + "/" + WidgetServer.Widgets())).Code);
    }
}
