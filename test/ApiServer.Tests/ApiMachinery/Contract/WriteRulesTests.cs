using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Create and update, and the options of all writes: what the answers hold beyond the code (contract 4.2, 4.3, 4.7, 4.11).</summary>
[TestClass]
public sealed class WriteRulesTests
{
    private const string Merge = "application/merge-patch+json";
    private static readonly string s_widgets = WidgetServer.Widgets();
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync();

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task C1_C2_Create_TakesNothingOfWhatTheServerSets_AndNamesNoLocation()
    {
        JsonObject widget = WidgetServer.New("c2-all");
        foreach ((string field, JsonNode value) in new (string, JsonNode)[]
        {
            ("uid", "mine"), ("creationTimestamp", "2001-01-01T00:00:00Z"), ("deletionTimestamp", "2001-01-01T00:00:00Z"), ("deletionGracePeriodSeconds", 5), ("selfLink", "/x"),
            ("generation", 7),
        })
        {
            widget["metadata"]![field] = value;
        }

        Answer answer = await s_server.SendAsync("POST", s_widgets, widget);
        JsonObject metadata = answer.Json["metadata"]!.AsObject();

        Assert.AreEqual(201, answer.Code, answer.Text);
        Assert.AreEqual("", answer.Header("Location"));
        Assert.IsTrue(Guid.TryParse((string?)metadata["uid"], out _));
        Assert.AreNotEqual("2001-01-01T00:00:00Z", (string?)metadata["creationTimestamp"]);
        Assert.AreEqual(1, (int)metadata["generation"]!);
        foreach (string field in new[] { "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink" })
        {
            Assert.IsFalse(metadata.ContainsKey(field), field);
        }
    }

    [TestMethod]
    [DataRow("0", 201)]
    [DataRow("", 201)]
    [DataRow("abc", 201)]
    [DataRow("-1", 201)]
    [DataRow("5", 500)]
    public async Task C2_Create_WithAResourceVersion_IsRefusedOnlyWhenItIsOne(string version, int code)
    {
        JsonObject widget = WidgetServer.New("c2-version");
        widget["metadata"]!["resourceVersion"] = version;

        Assert.AreEqual(code, (await s_server.SendAsync("POST", s_widgets + "?dryRun=All", widget)).Code);
    }

    [TestMethod]
    [DataRow("00", 422)]
    [DataRow("-1", 500)]
    [DataRow("99999999", 409)]
    public async Task U2_Update_WithAResourceVersionThatIsNotTheCurrentOne_IsRefused(string version, int code)
    {
        await s_server.SendAsync("POST", s_widgets, WidgetServer.New("u2-version"));
        JsonObject sent = WidgetServer.New("u2-version");
        sent["metadata"]!["resourceVersion"] = version;

        Assert.AreEqual(code, (await s_server.SendAsync("PUT", s_widgets + "/u2-version", sent)).Code);
    }

    [TestMethod]
    public async Task M3_Metadata_ThatIsEmpty_IsNotKept_AndNobodys()
    {
        JsonObject widget = WidgetServer.New("m3");
        foreach ((string field, JsonNode value) in new (string, JsonNode)[]
        {
            ("labels", new JsonObject()), ("annotations", new JsonObject()), ("finalizers", new JsonArray()), ("ownerReferences", new JsonArray()), ("generateName", ""),
        })
        {
            widget["metadata"]![field] = value;
        }

        JsonObject stored = await s_server.CreateAsync(widget);
        Answer same = await s_server.SendAsync("PATCH", s_widgets + "/m3", """{"metadata":{"labels":{"none":null},"annotations":{},"finalizers":[]}}""", Merge);

        CollectionAssert.AreEquivalent(
            new[] { "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields" },
            stored["metadata"]!.AsObject().Select(field => field.Key).ToArray());
        Assert.AreEqual("""{"f:spec":{".":{},"f:color":{}}}""", stored["metadata"]!["managedFields"]![0]!["fieldsV1"]!.ToJsonString());
        Assert.AreEqual(stored.ToJsonString(), same.Json.ToJsonString(), "nothing changed");
    }

    [TestMethod]
    public async Task C5_GenerateName_IsCutAt58_AndANameWins()
    {
        JsonObject widget = WidgetServer.New("c5-name");
        widget["metadata"]!["generateName"] = "other-";
        JsonObject generated = WidgetServer.New("");
        generated["metadata"] = new JsonObject { ["generateName"] = new string('a', 100) };

        Assert.AreEqual("c5-name", (string?)(await s_server.CreateAsync(widget))["metadata"]!["name"]);
        StringAssert.Matches((string)(await s_server.CreateAsync(generated))["metadata"]!["name"]!, new("^a{58}[bcdfghjklmnpqrstvwxz2456789]{5}$"));
    }

    [TestMethod]
    public async Task C5_GenerateName_IsTriedEightTimes_ThenTheClientIsToldToTryAgain()
    {
        List<string> tried = [];
        var store = new Mock<IObjectStore>();
        store.Setup(s => s.CreateAsync(It.IsAny<ObjectKey>(), It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>()))
            .Returns((ObjectKey key, ReadOnlyMemory<byte> value, CancellationToken _) =>
            {
                tried.Add(key.Name);
                return new(new WriteResult(tried.Count % 9 == 0 ? WriteOutcome.Committed : WriteOutcome.Exists, new StoredObject(key, 5, value)));
            });
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton(store.Object));
        JsonObject widget = new() { ["apiVersion"] = "example.com/v1", ["kind"] = "Widget", ["metadata"] = new JsonObject { ["generateName"] = "g-" } };

        Answer refused = await server.SendAsync("POST", s_widgets, widget);
        Answer taken = await server.SendAsync("POST", s_widgets, widget);

        Assert.AreEqual((409, "AlreadyExists", "1"), (refused.Code, (string?)refused.Json["reason"], refused.Header("Retry-After")));
        Assert.AreEqual($"widgets.example.com \"{tried[7]}\" already exists, the server was not able to generate a unique name for the object", refused.Message);
        Assert.AreEqual(201, taken.Code, "the ninth is free");
        Assert.HasCount(9, tried);
    }

    [TestMethod]
    public async Task C8_Admission_IsAskedAfterDecoding_AndValidatesAfterTheRules()
    {
        var calls = new Calls();
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddSingleton<IAdmission>(calls));
        JsonObject unknown = WidgetServer.New("c8"), wrong = WidgetServer.New("c8");
        unknown["spec"]!["x"] = 1;
        wrong["spec"]!["size"] = -1;

        Assert.AreEqual(400, (await server.SendAsync("POST", s_widgets + "?fieldValidation=Strict", unknown)).Code);
        Assert.AreEqual("", calls.Made, "what cannot be read is nobody's business");
        Assert.AreEqual(422, (await server.SendAsync("POST", s_widgets, wrong)).Code);
        Assert.AreEqual("mutate ", calls.Made, "what is wrong after the mutation is not validated further");
        Assert.AreEqual(201, (await server.SendAsync("POST", s_widgets, WidgetServer.New("c8"))).Code);
        Assert.AreEqual("mutate mutate validate ", calls.Made);
    }

    [TestMethod]
    [DataRow("PUT", "", "application/json")]
    [DataRow("PATCH", "", Merge)]
    [DataRow("DELETE", "", "application/json")]
    [DataRow("PUT", "/status", "application/json")]
    public async Task E8_TooLargeBody_Is413_WhateverTheMethod(string method, string subresource, string type)
    {
        Answer answer = await s_server.SendAsync(method, s_widgets + "/e8" + subresource, new string(' ', 3 * 1024 * 1024 + 1), type);

        Assert.AreEqual((413, "Request entity too large: limit is 3145728"), (answer.Code, answer.Message));
        Assert.AreEqual("RequestEntityTooLarge", (string?)answer.Json["reason"]);
    }

    [TestMethod]
    public async Task E11_Warnings_WithoutEnd_AreCutAtUpstreamsBound()
    {
        JsonObject widget = WidgetServer.New("e11-many");
        for (int i = 0; i < 2000; i++)
        {
            widget["spec"]![$"field{i:0000}{new string('x', i % 2 * 400)}"] = 1;
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, s_widgets) { Content = new StringContent(widget.ToJsonString(), null, "application/json") };
        using HttpResponseMessage answer = await s_server.Client.SendAsync(request);
        string[] warnings = [.. answer.Headers.NonValidated["Warning"]];
        int[] lengths = [.. warnings.Select(warning => warning.Replace("\\\"", "\"", StringComparison.Ordinal).Length - "299 - \"\"".Length)];

        Assert.AreEqual(201, (int)answer.StatusCode);
        Assert.AreEqual(256, lengths.Max(), "each is cut");
        Assert.IsTrue(lengths.Sum() is >= 4096 and < 4096 + 256, $"{lengths.Sum()} characters altogether");
    }

    [TestMethod]
    public async Task U2_U3_U4_Update_OfAnotherNamespaceOrUid_IsRefused()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u3"));
        JsonObject elsewhere = stored.DeepClone().AsObject(), other = stored.DeepClone().AsObject();
        elsewhere["metadata"]!["namespace"] = "other";
        other["metadata"]!["uid"] = "X";

        Answer ns = await s_server.SendAsync("PUT", s_widgets + "/u3", elsewhere);
        Answer uid = await s_server.SendAsync("PUT", s_widgets + "/u3", other);

        Assert.AreEqual((400, "the namespace of the provided object does not match the namespace sent on the request"), (ns.Code, ns.Message));
        StringAssert.StartsWith(uid.Message, "Operation cannot be fulfilled on widgets.example.com \"u3\": StorageError: invalid object, Code: 4, Key: ");
        StringAssert.EndsWith(uid.Message, $", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: X, UID in object meta: {stored["metadata"]!["uid"]}");
        Assert.AreEqual("Conflict", (string?)uid.Json["reason"]);
    }

    [TestMethod]
    public async Task U9_Generation_RisesWithAnythingOutsideMetadataAndStatus()
    {
        const string Path = "/apis/example.com/v1/gadgets";
        JsonNode gadget = JsonNode.Parse("""{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"u9"},"data":{"a":1}}""")!;
        await s_server.SendAsync("POST", Path, gadget);

        Answer data = await s_server.SendAsync("PATCH", Path + "/u9", """{"data":{"a":2}}""", Merge);
        Answer labels = await s_server.SendAsync("PATCH", Path + "/u9", """{"metadata":{"annotations":{"a":"b"}}}""", Merge);

        Assert.AreEqual(2, (int)data.Json["metadata"]!["generation"]!);
        Assert.AreEqual(2, (int)labels.Json["metadata"]!["generation"]!);
    }

    [TestMethod]
    public async Task U10_Status_TakesNoMetadata_AndMindsTheVersion()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u10"), "u10");
        string path = WidgetServer.Widgets("u10") + "/u10/status";
        JsonObject sent = stored.DeepClone().AsObject();
        sent["status"] = new JsonObject { ["phase"] = "Ready" };
        sent["metadata"]!["annotations"] = new JsonObject { ["a"] = "b" };
        sent["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        sent["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = "p", ["uid"] = "u" });

        Answer written = await s_server.SendAsync("PUT", path, sent);
        Answer outdated = await s_server.SendAsync("PUT", path, sent);
        Answer unknown = await s_server.SendAsync("PATCH", WidgetServer.Widgets("u10") + "/u10/status", """{"status":{"unknown":1}}""", Merge);
        Answer read = await s_server.SendAsync("GET", path);

        Assert.AreEqual(200, written.Code, written.Text);
        foreach (string field in new[] { "annotations", "finalizers", "ownerReferences" })
        {
            Assert.IsNull(written.Json["metadata"]![field], field);
        }

        Assert.AreEqual(409, outdated.Code);
        Assert.AreEqual(200, unknown.Code);
        Assert.AreEqual(("Widget", "Ready", "red"), ((string?)read.Json["kind"], (string?)read.Json["status"]!["phase"], (string?)read.Json["spec"]!["color"]), "the whole object");
    }

    [TestMethod]
    public async Task U10_StatusPatch_OfUnknownFieldsOnly_StillWritesAnEmptyStatus()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("empty"), "u10");

        Answer answer = await s_server.SendAsync("PATCH", WidgetServer.Widgets("u10") + "/empty/status?fieldManager=m", """{"status":{"unknown":1}}""", Merge);

        Assert.AreEqual("{}", answer.Json["status"]?.ToJsonString());
        Assert.AreNotEqual((string?)stored["metadata"]!["resourceVersion"], (string?)answer.Json["metadata"]!["resourceVersion"]);
        JsonNode entry = answer.Json["metadata"]!["managedFields"]!.AsArray().Single(owner => (string?)owner!["manager"] == "m")!;
        Assert.AreEqual("""status {"f:status":{}}""", $"{entry["subresource"]} {entry["fieldsV1"]!.ToJsonString()}");
    }

    [TestMethod]
    [DataRow("POST", "", "application/json", "CreateOptions")]
    [DataRow("PUT", "/v1", "application/json", "UpdateOptions")]
    [DataRow("PATCH", "/v1", Merge, "PatchOptions")]
    [DataRow("DELETE", "/v1", "application/json", "DeleteOptions")]
    public async Task V1_V3_V4_OptionsOfEachVerb_AreNamedInTheirRefusal(string method, string name, string type, string options)
    {
        async Task<string> RefusalAsync(string query, string? body)
        {
            Answer answer = await s_server.SendAsync(method, s_widgets + name + query, body, type);
            Assert.AreEqual((422, "Invalid"), (answer.Code, (string?)answer.Json["reason"]), answer.Text);
            StringAssert.StartsWith(answer.Message, options + ".meta.k8s.io \"\" is invalid: ");
            return answer.Message[(options + ".meta.k8s.io \"\" is invalid: ").Length..];
        }

        string? body = method == "DELETE" ? null : "{}";
        Assert.AreEqual("dryRun: Unsupported value: [\"x\"]: supported values: \"All\"", await RefusalAsync("?dryRun=x", body));
        Assert.AreEqual("dryRun: Unsupported value: [\"\"]: supported values: \"All\"", await RefusalAsync("?dryRun=", body));
        Assert.AreEqual("dryRun: Unsupported value: [\"All\",\"x\"]: supported values: \"All\"", await RefusalAsync("?dryRun=All&dryRun=x", body));
        if (method != "DELETE")
        {
            Assert.AreEqual("fieldValidation: Unsupported value: \"x\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"", await RefusalAsync("?fieldValidation=x", body));
            Assert.AreEqual("fieldManager: Too long: may not be more than 128 bytes", await RefusalAsync("?fieldManager=" + new string('x', 129), body));
            Assert.AreEqual("fieldManager: Invalid value: \"a\\nb\": invalid character U+000A (at position 1)", await RefusalAsync("?fieldManager=a%0Ab", body));
        }
    }

    [TestMethod]
    [DataRow("kubectl/v1.36 (linux)", "kubectl")]
    [DataRow("robot", "robot")]
    [DataRow("", "unknown")]
    public async Task V3_FieldManager_IsTheProgramsNameUnlessItIsGiven(string agent, string manager)
    {
        Answer answer = await s_server.SendAsync("POST", s_widgets + "?dryRun=All&dryRun=All", WidgetServer.New("v3"), headers: agent.Length == 0 ? [] : [("User-Agent", agent)]);

        Assert.AreEqual(201, answer.Code, answer.Text);
        Assert.AreEqual(manager, (string?)answer.Json["metadata"]!["managedFields"]![0]!["manager"]);
    }

    [TestMethod]
    public async Task V2_Delete_AsDryRun_AnswersAsTheRealOneWould()
    {
        JsonObject held = WidgetServer.New("v2-held");
        held["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        JsonObject stored = await s_server.CreateAsync(held);

        Answer dry = await s_server.SendAsync("DELETE", s_widgets + "/v2-held?dryRun=All");
        Answer live = await s_server.SendAsync("GET", s_widgets + "/v2-held");

        Assert.AreEqual(200, dry.Code);
        Assert.IsNotNull(dry.Json["metadata"]!["deletionTimestamp"]);
        Assert.AreEqual(stored.ToJsonString(), live.Json.ToJsonString());
    }

    [TestMethod]
    public async Task V5_V8_UnknownAndDuplicateFields_AreNamedEach_ByTheirPath()
    {
        const string Body = """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"v5","labells":{},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","x":1}]},"spec":{"a":1,"color":"x","color":"y"}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, s_widgets + "?dryRun=All") { Content = new StringContent(Body, null, "application/json") };
        using HttpResponseMessage warned = await s_server.Client.SendAsync(request);

        Answer strict = await s_server.SendAsync("POST", s_widgets + "?dryRun=All&fieldValidation=Strict", Body);
        Answer ignored = await s_server.SendAsync("POST", s_widgets + "?dryRun=All&fieldValidation=Ignore", Body);

        const string Problems = "duplicate field \"spec.color\"|unknown field \"metadata.labells\"|unknown field \"metadata.ownerReferences[0].x\"|unknown field \"spec.a\"";
        const string Prefix = "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: ";
        Assert.AreEqual(400, strict.Code);
        StringAssert.StartsWith(strict.Message, Prefix);
        CollectionAssert.AreEquivalent(Problems.Split('|'), strict.Message[Prefix.Length..].Split(", "));
        CollectionAssert.AreEquivalent(
            Problems.Split('|').Select(problem => $"299 - \"{problem.Replace("\"", "\\\"", StringComparison.Ordinal)}\"").ToArray(), warned.Headers.NonValidated["Warning"].ToArray());
        Assert.AreEqual((201, "", "y"), (ignored.Code, ignored.Header("Warning"), (string?)ignored.Json["spec"]!["color"]));
        Assert.IsNull(ignored.Json["spec"]!["a"]);
    }

    [TestMethod]
    public async Task V5_Yaml_WithAKeyTwice_IsToldByItsLine()
    {
        const string Body = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: v5}\nspec:\n  size: 1\n  size: 2\n";

        Answer warned = await s_server.SendAsync("POST", s_widgets + "?dryRun=All", Body, "application/yaml");
        Answer strict = await s_server.SendAsync("POST", s_widgets + "?dryRun=All&fieldValidation=Strict", Body, "application/yaml");

        Assert.AreEqual(201, warned.Code, warned.Text);
        StringAssert.Contains(warned.Header("Warning"), "line 6: key \\\"size\\\" already set in map");
        Assert.AreEqual(400, strict.Code);
        StringAssert.Contains(strict.Message, "strict decoding error: yaml: unmarshal errors:\n  line 6: key \"size\" already set in map");
    }

    [TestMethod]
    public async Task G17_OwnersOfSomebodyElse_MayBeNamed_AsInAnyAggregatedGroup()
    {
        JsonObject widget = WidgetServer.New("g17");
        widget["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "Deployment",
            ["name"] = "not-mine",
            ["uid"] = "u",
            ["blockOwnerDeletion"] = true,
        });
        await using WidgetServer server = await WidgetServer.StartAsync(
            api => api.Services.AddSingleton<AiModels.ApiMachinery.Http.IAuthorizer>(new OnlyCreate()), allowsAll: false);

        Assert.AreEqual(201, (await server.SendAsync("POST", s_widgets, widget)).Code, "without the right to delete the owner");
    }

    private sealed class Calls : IAdmission
    {
        public string Made { get; private set; } = "";

        public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
        {
            Made += "mutate ";
            return ValueTask.CompletedTask;
        }

        public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken)
        {
            Made += "validate ";
            return ValueTask.CompletedTask;
        }
    }

    private sealed class OnlyCreate : AiModels.ApiMachinery.Http.IAuthorizer
    {
        public ValueTask<AiModels.ApiMachinery.Http.AuthorizationDecision> AuthorizeAsync(
            AiModels.ApiMachinery.Http.AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
            new(attributes is { Verb: "create", Resource: "widgets" } ? AiModels.ApiMachinery.Http.AuthorizationDecision.Allow : AiModels.ApiMachinery.Http.AuthorizationDecision.Deny());
    }
}
