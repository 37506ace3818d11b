using System.Text.Json.Nodes;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>Create, update, delete over real sockets (contract 4.3, 4.7, 4.11).</summary>
[TestClass]
public sealed class WriteTests
{
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task B8_B9_C1_C2_C7_Create_WithServerFields_FillsThemItself()
    {
        JsonObject widget = WidgetServer.New("c1");
        widget["metadata"]!["uid"] = "mine";
        widget["metadata"]!["generation"] = 7;
        widget["metadata"]!["creationTimestamp"] = null;
        widget["status"] = new JsonObject { ["phase"] = "Ready" };

        JsonObject stored = await s_server.CreateAsync(widget);

        Assert.AreEqual("default", (string?)stored["metadata"]!["namespace"]);
        Assert.IsTrue(Guid.TryParse((string?)stored["metadata"]!["uid"], out _));
        Assert.AreEqual(1, (int)stored["metadata"]!["generation"]!);
        Assert.IsTrue(long.Parse((string)stored["metadata"]!["resourceVersion"]!) > 0);
        StringAssert.Matches((string)stored["metadata"]!["creationTimestamp"]!, new("^....-..-..T..:..:..Z$"));
        Assert.AreEqual("red", (string?)stored["spec"]!["color"], "defaults are stored");
        Assert.IsNull(stored["status"], "status is written through /status only (C7)");
    }

    [TestMethod]
    public async Task C2_Create_WithResourceVersion_IsRefusedWithoutReason()
    {
        JsonObject widget = WidgetServer.New("c2");
        widget["metadata"]!["resourceVersion"] = "5";

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.AreEqual(500, answer.Code);
        Assert.AreEqual("resourceVersion should not be set on objects to be created", answer.Message);
        Assert.IsNull(answer.Json["reason"]);
    }

    [TestMethod]
    public async Task C3_Create_InAnotherNamespaceThanThePath_Is400()
    {
        JsonObject widget = WidgetServer.New("c3");
        widget["metadata"]!["namespace"] = "other";

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.AreEqual(400, answer.Code);
        Assert.AreEqual("the namespace of the provided object does not match the namespace sent on the request", answer.Message);
    }

    [TestMethod]
    public async Task C4_Create_OfAnotherVersionOrKind_SaysWhichIsExpected()
    {
        JsonObject version = WidgetServer.New("c4"), kind = WidgetServer.New("c4");
        version["apiVersion"] = "example.com/v2";
        kind["kind"] = "Gizmo";

        Answer versionAnswer = await s_server.SendAsync("POST", WidgetServer.Widgets(), version);
        Answer kindAnswer = await s_server.SendAsync("POST", WidgetServer.Widgets(), kind);

        Assert.AreEqual(400, versionAnswer.Code);
        Assert.AreEqual("the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)", versionAnswer.Message);
        Assert.AreEqual(422, kindAnswer.Code);
        Assert.AreEqual("Gizmo.example.com \"c4\" is invalid: kind: Invalid value: \"Gizmo\": must be Widget", kindAnswer.Message);
    }

    [TestMethod]
    public async Task C5_Create_WithGenerateName_AddsFiveLettersToIt()
    {
        JsonObject widget = WidgetServer.New("");
        widget["metadata"] = new JsonObject { ["generateName"] = "gen-" };

        JsonObject stored = await s_server.CreateAsync(widget);

        StringAssert.Matches((string)stored["metadata"]!["name"]!, new("^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$"));
    }

    [TestMethod]
    public async Task C6_Create_OfATakenName_Is409_AndSaysWhenTheOldOneIsTerminating()
    {
        await s_server.CreateAsync(WidgetServer.New("c6"));
        JsonObject held = WidgetServer.New("c6-held");
        held["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.CreateAsync(held);
        await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/c6-held");

        Answer taken = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("c6"));
        Answer terminating = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("c6-held"));

        Assert.AreEqual(409, taken.Code);
        Assert.AreEqual("widgets.example.com \"c6\" already exists", taken.Message);
        Assert.AreEqual("AlreadyExists", (string?)taken.Json["reason"]);
        Assert.AreEqual("object is being deleted: widgets.example.com \"c6-held\" already exists", terminating.Message);
    }

    [TestMethod]
    public async Task C9_X11_Post_WhereNothingCanBeCreated_Is405()
    {
        Assert.AreEqual(405, (await s_server.SendAsync("POST", WidgetServer.Widgets() + "/name", WidgetServer.New("name"))).Code);
        Assert.AreEqual(405, (await s_server.SendAsync("POST", "/apis/example.com/v1/widgets", WidgetServer.New("name"))).Code);
        Assert.AreEqual(405, (await s_server.SendAsync("DELETE", "/apis/example.com/v1/widgets")).Code);
    }

    [TestMethod]
    public async Task B1_B2_E4_E5_E6_Create_WithABadName_IsInvalid()
    {
        Answer bad = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("Bad"));
        JsonObject nameless = WidgetServer.New("");
        Answer none = await s_server.SendAsync("POST", WidgetServer.Widgets(), nameless);

        Assert.AreEqual(422, bad.Code);
        StringAssert.StartsWith(bad.Message, "Widget.example.com \"Bad\" is invalid: metadata.name: Invalid value: \"Bad\": a lowercase RFC 1123 subdomain");
        Assert.AreEqual("Widget", (string?)bad.Json["details"]!["kind"]);
        Assert.AreEqual("FieldValueInvalid", (string?)bad.Json["details"]!["causes"]![0]!["reason"]);
        StringAssert.Contains(none.Message, "metadata.name: Required value: name or generateName is required");
    }

    [TestMethod]
    public async Task V1_V2_Create_AsDryRun_StoresNothingAndHasNoResourceVersion()
    {
        Answer dry = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=All", WidgetServer.New("dry"));
        Answer wrong = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=x", WidgetServer.New("dry"));

        Assert.AreEqual(201, dry.Code);
        Assert.IsNull(dry.Json["metadata"]!["resourceVersion"]);
        Assert.IsNotNull(dry.Json["metadata"]!["uid"]);
        Assert.AreEqual(404, (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/dry")).Code);
        Assert.AreEqual(422, wrong.Code);
        Assert.AreEqual("CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported values: \"All\"", wrong.Message);
    }

    [TestMethod]
    public async Task V3_Create_WithABadFieldManager_IsInvalid()
    {
        Answer tooLong = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?fieldManager=" + new string('x', 129), WidgetServer.New("v3"));
        Answer unprintable = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?fieldManager=a%0Ab", WidgetServer.New("v3"));

        StringAssert.Contains(tooLong.Message, "fieldManager: Too long: may not be more than 128 bytes");
        StringAssert.Contains(unprintable.Message, "invalid character U+000A (at position 1)");
    }

    [TestMethod]
    public async Task V4_V5_V8_Create_WithUnknownFields_RefusesWarnsOrDrops()
    {
        JsonObject widget = WidgetServer.New("v5");
        widget["spec"]!["weight"] = 3;

        Answer strict = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?fieldValidation=Strict", widget);
        Answer twice = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?fieldValidation=Strict",
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"v5"},"spec":{"color":"a","color":"b"}}""");
        Answer warned = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);
        Answer unknown = await s_server.SendAsync("POST", WidgetServer.Widgets() + "?fieldValidation=Sometimes", widget);

        Assert.AreEqual(400, strict.Code);
        Assert.AreEqual("Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.weight\"", strict.Message);
        StringAssert.EndsWith(twice.Message, "strict decoding error: duplicate field \"spec.color\"");
        Assert.AreEqual(201, warned.Code);
        Assert.AreEqual("299 - \"unknown field \\\"spec.weight\\\"\"", warned.Header("Warning"));
        Assert.IsNull(warned.Json["spec"]!["weight"]);
        Assert.AreEqual(422, unknown.Code);
    }

    [TestMethod]
    public async Task E8_Create_OfATooLargeBody_Is413()
    {
        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), new string('x', 3 * 1024 * 1024 + 1));

        Assert.AreEqual(413, answer.Code);
        Assert.AreEqual("Request entity too large: limit is 3145728", answer.Message);
    }

    [TestMethod]
    public async Task N5_Create_WithoutContentTypeOrAsYaml_IsRead_AndProtobufIs415()
    {
        Answer none = await s_server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("n5-none"), type: null);
        Answer yaml = await s_server.SendAsync("POST", WidgetServer.Widgets(),
            "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: n5-yaml\nspec: {color: 'yes', size: 3}\n", "application/yaml");
        Answer protobuf = await s_server.SendAsync("POST", WidgetServer.Widgets(), "k8s", "application/vnd.kubernetes.protobuf");

        Assert.AreEqual(201, none.Code, none.Text);
        Assert.AreEqual(201, yaml.Code, yaml.Text);
        Assert.AreEqual("yes", (string?)yaml.Json["spec"]!["color"]);
        Assert.AreEqual(415, protobuf.Code);
        StringAssert.StartsWith(protobuf.Message, "the body of the request was in an unknown format - accepted media types include: application/json");
    }

    [TestMethod]
    public async Task U2_Update_NeedsTheCurrentResourceVersion()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u2"));
        JsonObject none = WidgetServer.New("u2", "blue"), old = WidgetServer.New("u2", "blue");
        old["metadata"]!["resourceVersion"] = "1";

        Answer without = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u2", none);
        Answer outdated = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u2", old);
        stored["spec"]!["color"] = "blue";
        Answer current = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u2", stored);

        Assert.AreEqual(422, without.Code);
        Assert.AreEqual("widgets.example.com \"u2\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update", without.Message);
        Assert.AreEqual(409, outdated.Code);
        Assert.AreEqual(
            "Operation cannot be fulfilled on widgets.example.com \"u2\": the object has been modified; please apply your changes to the latest version and try again",
            outdated.Message);
        Assert.AreEqual(200, current.Code);
        Assert.AreEqual(2, (int)current.Json["metadata"]!["generation"]!, "the spec changed (U9)");
    }

    [TestMethod]
    public async Task U1_U3_Update_OfAMissingOrMisnamedObject_IsRefused()
    {
        JsonObject widget = WidgetServer.New("other");
        widget["metadata"]!["resourceVersion"] = "1";
        await s_server.CreateAsync(WidgetServer.New("u3"));

        Answer missing = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/other", widget);
        Answer misnamed = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u3", widget);

        Assert.AreEqual(404, missing.Code);
        Assert.AreEqual(400, misnamed.Code);
        Assert.AreEqual("the name of the object (other) does not match the name on the URL (u3)", misnamed.Message);
    }

    [TestMethod]
    public async Task U4_Update_WithAnotherUid_Is409()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u4"));
        stored["metadata"]!["uid"] = "other";

        Answer answer = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u4", stored);

        Assert.AreEqual(409, answer.Code);
        StringAssert.Contains(answer.Message, "Precondition failed: UID in precondition: other, UID in object meta: ");
    }

    [TestMethod]
    public async Task U6_U9_Update_ThatChangesNothingOrOnlyMetadata_KeepsVersionOrGeneration()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u6"));

        Answer same = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u6", stored);
        stored["metadata"]!["labels"] = new JsonObject { ["a"] = "b" };
        Answer labelled = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u6", stored);

        Assert.AreEqual((string?)stored["metadata"]!["resourceVersion"], (string?)same.Json["metadata"]!["resourceVersion"]);
        Assert.AreNotEqual((string?)stored["metadata"]!["resourceVersion"], (string?)labelled.Json["metadata"]!["resourceVersion"]);
        Assert.AreEqual(1, (int)labelled.Json["metadata"]!["generation"]!);
    }

    [TestMethod]
    public async Task U8_U10_Status_IsWrittenThroughItsSubresourceOnly()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u10"));
        stored["status"] = new JsonObject { ["phase"] = "Ready" };
        stored["metadata"]!["labels"] = new JsonObject { ["a"] = "b" };
        stored["spec"]!["color"] = "blue";

        Answer status = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u10/status", stored);
        JsonObject next = status.Json;
        next["status"]!["phase"] = "Failed";
        Answer main = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u10", next);

        Assert.AreEqual(200, status.Code, status.Text);
        Assert.AreEqual("Ready", (string?)status.Json["status"]!["phase"]);
        Assert.AreEqual("red", (string?)status.Json["spec"]!["color"]);
        Assert.IsNull(status.Json["metadata"]!["labels"]);
        Assert.AreEqual(1, (int)status.Json["metadata"]!["generation"]!);
        Assert.AreEqual("Ready", (string?)main.Json["status"]!["phase"]);
        Assert.AreEqual(200, (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/u10/status")).Code);
    }

    [TestMethod]
    public async Task X2_X3_Delete_AnswersSuccessWithTheUid_ThenNotFound()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("x2"));

        Answer deleted = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x2");
        Answer again = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x2");

        Assert.AreEqual(200, deleted.Code);
        Assert.AreEqual(
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{\"name\":\"x2\",\"group\":\"example.com\",\"kind\":\"widgets\",\"uid\":\""
            + stored["metadata"]!["uid"] + "\"}}",
            deleted.Text.Trim());
        Assert.AreEqual(404, again.Code);
        Assert.AreEqual("widgets.example.com \"x2\" not found", again.Message);
    }

    [TestMethod]
    public async Task X4_Delete_WithWrongPreconditions_Is409NamingTheKind()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("x4"));

        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x4",
            """{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"A"}}""");

        Assert.AreEqual(409, answer.Code);
        Assert.AreEqual(
            $"Operation cannot be fulfilled on Widget.example.com \"x4\": the UID in the precondition (A) does not match the UID in record ({stored["metadata"]!["uid"]}). "
            + "The object might have been deleted and then recreated", answer.Message);
    }

    [TestMethod]
    public async Task X5_X6_X7_U7_Delete_WithFinalizers_WaitsForThem()
    {
        JsonObject widget = WidgetServer.New("x6");
        widget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.CreateAsync(widget);

        Answer foreground = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x6?propagationPolicy=Foreground");
        Answer again = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x6?propagationPolicy=Background");
        JsonObject next = again.Json;
        next["metadata"]!.AsObject().Remove("finalizers");
        Answer emptied = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/x6", next);

        Assert.AreEqual(200, foreground.Code);
        CollectionAssert.AreEqual(new[] { "example.com/hold", "foregroundDeletion" },
            foreground.Json["metadata"]!["finalizers"]!.AsArray().Select(item => (string)item!).ToArray());
        Assert.AreEqual(2, (int)foreground.Json["metadata"]!["generation"]!);
        Assert.AreEqual(0, (int)foreground.Json["metadata"]!["deletionGracePeriodSeconds"]!);
        Assert.AreEqual(1, again.Json["metadata"]!["finalizers"]!.AsArray().Count);
        Assert.AreEqual(2, (int)again.Json["metadata"]!["generation"]!, "terminating already");
        Assert.AreEqual(200, emptied.Code, emptied.Text);
        Assert.AreEqual(404, (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/x6")).Code);
    }

    [TestMethod]
    public async Task B7_Update_OfATerminatingObject_CannotAddFinalizers()
    {
        JsonObject widget = WidgetServer.New("b7");
        widget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.CreateAsync(widget);
        JsonObject terminating = (await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/b7")).Json;
        terminating["metadata"]!["finalizers"]!.AsArray().Add("example.com/more");

        Answer answer = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/b7", terminating);

        Assert.AreEqual(422, answer.Code);
        StringAssert.Contains(answer.Message, "no new finalizers can be added if the object is being deleted, found new finalizers []string{\"example.com/more\"}");
    }

    [TestMethod]
    public async Task X5_Delete_WithContradictingOptions_IsInvalid()
    {
        await s_server.CreateAsync(WidgetServer.New("x5"));

        Answer both = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x5", """{"orphanDependents":true,"propagationPolicy":"Background"}""");
        Answer unknown = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x5", """{"propagationPolicy":"Later"}""");

        StringAssert.Contains(both.Message, "orphanDependents and deletionPropagation cannot be both set");
        StringAssert.Contains(unknown.Message, "propagationPolicy: Unsupported value: \"Later\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    }

    [TestMethod]
    public async Task X9_Delete_AsDryRun_LeavesTheObject()
    {
        await s_server.CreateAsync(WidgetServer.New("x9"));

        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x9", """{"dryRun":["All"]}""");

        Assert.AreEqual("Success", (string?)answer.Json["status"]);
        Assert.AreEqual(200, (await s_server.SendAsync("GET", WidgetServer.Widgets() + "/x9")).Code);
    }

    [TestMethod]
    public async Task X10_DeleteCollection_DeletesWhatIsSelected_AndListsIt()
    {
        for (int i = 0; i < 5; i++)
        {
            JsonObject widget = WidgetServer.New($"x10-{i}");
            widget["metadata"]!["labels"] = new JsonObject { ["even"] = i % 2 == 0 ? "yes" : "no" };
            await s_server.CreateAsync(widget, "x10");
        }

        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets("x10") + "?labelSelector=even=yes");
        Answer rest = await s_server.SendAsync("GET", WidgetServer.Widgets("x10"));

        Assert.AreEqual("WidgetList", (string?)answer.Json["kind"]);
        Assert.AreEqual(3, answer.Json["items"]!.AsArray().Count);
        Assert.AreEqual(2, rest.Json["items"]!.AsArray().Count);
    }
}
