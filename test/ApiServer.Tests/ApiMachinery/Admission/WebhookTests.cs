using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Admission;

/// <summary>Admission webhooks over TLS, as Kyverno and Gatekeeper configure them (contract 7.1).</summary>
[TestClass]
public sealed class WebhookTests
{
    private FakeWebhook _webhook = null!;

    [TestInitialize]
    public async Task StartAsync() => _webhook = await FakeWebhook.StartAsync();

    [TestCleanup]
    public async Task StopAsync() => await _webhook.DisposeAsync();

    [TestMethod]
    public async Task AD1_AD2_AD3_Create_AsksWithTheWholeRequest_AndStoresWhatWasPatched()
    {
        _webhook.Respond = _ => new JsonObject
        {
            ["patchType"] = "JSONPatch",
            ["patch"] = FakeWebhook.Patch("""[{"op":"add","path":"/spec/color","value":"mutated"},{"op":"add","path":"/metadata/labels","value":{"seen":"yes"}}]"""),
            ["warnings"] = new JsonArray("mind the paint"),
        };
        await using WidgetServer server = await StartAsync([_webhook.Configuration("m", """{"timeoutSeconds":7}""")], []);

        Answer created = await server.SendAsync("POST", WidgetServer.Widgets() + "?fieldManager=me&fieldValidation=Strict", WidgetServer.New("a"));

        Assert.AreEqual(201, created.Code, created.Text);
        Assert.AreEqual("mutated", (string?)created.Json["spec"]!["color"]);
        Assert.AreEqual("yes", (string?)created.Json["metadata"]!["labels"]!["seen"]);
        Assert.AreEqual("299 - \"mind the paint\"", created.Header("Warning"));
        Assert.AreEqual("?timeout=7s", _webhook.Query);
        JsonObject request = _webhook.Asked.Single();
        Assert.IsTrue(Guid.TryParse((string?)request["uid"], out _));
        Assert.AreEqual("CREATE default a system:anonymous", $"{request["operation"]} {request["namespace"]} {request["name"]} {request["userInfo"]!["username"]}");
        Assert.AreEqual("""{"group":"example.com","version":"v1","kind":"Widget"}""", request["kind"]!.ToJsonString());
        Assert.AreEqual("""{"group":"example.com","version":"v1","resource":"widgets"}""", request["requestResource"]!.ToJsonString());
        Assert.AreEqual("Widget", (string?)request["object"]!["kind"]);
        Assert.IsNull(request["oldObject"]);
        Assert.IsFalse((bool)request["dryRun"]!);
        Assert.AreEqual("""{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"me","fieldValidation":"Strict"}""", request["options"]!.ToJsonString());
    }

    [TestMethod]
    public async Task AD3_Update_TellsBothStatesTheSubresourceAndItsOptions()
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", operations: "UPDATE", resources: "widgets/*")]);
        JsonObject stored = await server.CreateAsync(WidgetServer.New("a", "red"));

        await server.SendAsync("PATCH", WidgetServer.Widgets() + "/a?fieldManager=me&dryRun=All", """{"spec":{"color":"blue"}}""", "application/merge-patch+json");
        await server.SendAsync("PATCH", WidgetServer.Widgets() + "/a/status?fieldManager=me", """{"status":{"phase":"Ready"}}""", "application/merge-patch+json");

        JsonObject main = _webhook.Asked.First(), status = _webhook.Asked.Last();
        Assert.AreEqual("UPDATE a red blue true", $"{main["operation"]} {main["name"]} {main["oldObject"]!["spec"]!["color"]} {main["object"]!["spec"]!["color"]} {main["dryRun"]}");
        Assert.AreEqual((string?)stored["metadata"]!["resourceVersion"], (string?)main["oldObject"]!["metadata"]!["resourceVersion"]);
        Assert.AreEqual("""UpdateOptions me ["All"]""", $"{main["options"]!["kind"]} {main["options"]!["fieldManager"]} {main["options"]!["dryRun"]!.ToJsonString()}", "of a patch too");
        Assert.IsNull(main["subResource"]);
        Assert.AreEqual("status status Ready", $"{status["subResource"]} {status["requestSubResource"]} {status["object"]!["status"]!["phase"]}");
        CollectionAssert.AreEqual(new[] { "system:unauthenticated" }, main["userInfo"]!["groups"]!.AsArray().Select(group => (string)group!).ToArray());
    }

    [TestMethod]
    public async Task AD3_GeneratedName_IsUnknownToMutation_AndKnownToValidation()
    {
        await using WidgetServer server = await StartAsync([_webhook.Configuration("m")], [_webhook.Configuration("v")]);
        JsonObject widget = WidgetServer.New("");
        widget["metadata"] = new JsonObject { ["generateName"] = "g-" };

        JsonObject created = await server.CreateAsync(widget);

        CollectionAssert.AreEqual(new[] { "m ", "v " + created["metadata"]!["name"] }, _webhook.Asked.Select(request => $"{request["path"]} {request["name"]}").ToArray());
    }

    [TestMethod]
    [DataRow("""{"code":418,"reason":"Teapot","message":"only tea"}""", 418, "Teapot", "only tea")]
    [DataRow("""{"code":200,"reason":"NotNow"}""", 400, "NotNow", "NotNow")]
    [DataRow("null", 400, null, null)]
    public async Task AD4_Denial_HasTheWebhooksCodeReasonAndWords(string status, int code, string? reason, string? words)
    {
        _webhook.Respond = _ => new JsonObject { ["allowed"] = false, ["status"] = JsonNode.Parse(status) };
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v")]);

        Answer answer = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(code, answer.Code);
        Assert.AreEqual(reason, (string?)answer.Json["reason"]);
        Assert.AreEqual("admission webhook \"v.example.com\" denied the request" + (words is null ? " without explanation" : ": " + words), answer.Message);
        Assert.AreEqual(404, (await server.SendAsync("GET", WidgetServer.Widgets() + "/a")).Code);
    }

    [TestMethod]
    public async Task AD5_WebhookThatFails_IsPassedOverOrAnErrorAsItsPolicySays()
    {
        _webhook.Raw = http =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        await using WidgetServer ignoring = await StartAsync([_webhook.Configuration("i", """{"failurePolicy":"Ignore"}""")], []);
        await using WidgetServer failing = await StartAsync([_webhook.Configuration("f")], []);

        Answer ignored = await ignoring.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));
        Answer failed = await failing.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(201, ignored.Code, ignored.Text);
        Assert.AreEqual(500, failed.Code);
        Assert.AreEqual("InternalError", (string?)failed.Json["reason"]);
        StringAssert.StartsWith(failed.Message, "Internal error occurred: failed calling webhook \"f.example.com\": failed to call webhook: ");
    }

    [TestMethod]
    [DataRow("""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"other","allowed":true}}""", "expected response.uid=")]
    [DataRow("""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}""", "webhook response was absent")]
    [DataRow("""{"apiVersion":"v1","kind":"Status"}""", "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got v1, Kind=Status")]
    [DataRow("""[]""", "expected webhook response of")]
    [DataRow("""nonsense""", "failed to call webhook")]
    public async Task AD3_AnswerToAnotherQuestion_IsAFailure(string answer, string problem)
    {
        _webhook.Raw = http => http.Response.WriteAsync(answer);
        await using WidgetServer server = await StartAsync([_webhook.Configuration("m")], []);

        Answer refused = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(500, refused.Code);
        StringAssert.Contains(refused.Message, problem);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task AD3_WebhookThatIsSilent_IsWaitedForUntilItsTimeout()
    {
        _webhook.Raw = async http => await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await using WidgetServer server = await StartAsync([_webhook.Configuration("slow", """{"timeoutSeconds":1}""")], []);

        Answer answer = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(500, answer.Code);
        StringAssert.EndsWith(answer.Message, "context deadline exceeded");
    }

    [TestMethod]
    public async Task V1_DryRun_AsksOnlyWebhooksWithoutSideEffects()
    {
        await using WidgetServer harmless = await StartAsync([_webhook.Configuration("none", """{"sideEffects":"NoneOnDryRun"}""")], []);
        await using WidgetServer harmful = await StartAsync([_webhook.Configuration("some", """{"sideEffects":"Some"}""")], []);

        Answer asked = await harmless.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=All", WidgetServer.New("a"));
        Answer refused = await harmful.SendAsync("POST", WidgetServer.Widgets() + "?dryRun=All", WidgetServer.New("a"));

        Assert.AreEqual(201, asked.Code);
        Assert.IsTrue((bool)_webhook.Asked.Single()["dryRun"]!);
        Assert.AreEqual(400, refused.Code);
        Assert.AreEqual("admission webhook \"some.example.com\" does not support dry run", refused.Message);
    }

    [TestMethod]
    public async Task AD7_DeleteAndDeleteCollection_AskAboutEachOldObject()
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", operations: "DELETE")]);
        _webhook.Respond = request => new JsonObject { ["allowed"] = (string?)request["name"] != "kept", ["warnings"] = new JsonArray("asked about " + request["name"]) };
        await server.CreateAsync(WidgetServer.New("a"));
        await server.CreateAsync(WidgetServer.New("b"));
        await server.CreateAsync(WidgetServer.New("kept"));

        Answer one = await server.SendAsync("DELETE", WidgetServer.Widgets() + "/a", """{"propagationPolicy":"Background"}""");
        Answer all = await server.SendAsync("DELETE", WidgetServer.Widgets());

        Assert.AreEqual(200, one.Code);
        Assert.AreEqual("299 - \"asked about a\"", one.Header("Warning"));
        Assert.AreEqual(400, all.Code);
        CollectionAssert.AreEquivalent(new[] { "a", "b", "kept" }, _webhook.Asked.Select(request => (string)request["name"]!).ToArray());
        JsonObject first = _webhook.Asked.First();
        Assert.IsNull(first["object"]);
        Assert.AreEqual("a", (string?)first["oldObject"]!["metadata"]!["name"]);
        Assert.AreEqual("Background", (string?)first["options"]!["propagationPolicy"]);
    }

    [TestMethod]
    public async Task AD7_Subresources_AreUpdatesOrConnects()
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", resources: "widgets/*")], WidgetServer.Widget with { Subresources = [new Opens()] });
        await server.CreateAsync(WidgetServer.New("a"));

        await server.SendAsync("PATCH", WidgetServer.Widgets() + "/a/status", """{"status":{"phase":"Ready"}}""", "application/merge-patch+json");
        await server.SendAsync("POST", WidgetServer.Widgets() + "/a/open", "{}");
        await server.SendAsync("GET", WidgetServer.Widgets() + "/a/open");

        CollectionAssert.AreEqual(
            new[] { "CREATE ", "UPDATE status", "CONNECT open" }, _webhook.Asked.Select(request => $"{request["operation"]} {request["subResource"]}").ToArray());
    }

    [TestMethod]
    [DataRow("""{"operations":["UPDATE"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"]}""", false)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["other"],"apiVersions":["*"],"resources":["*"]}""", false)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["*"],"apiVersions":["v2"],"resources":["*"]}""", false)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*/status"]}""", false)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"],"scope":"Cluster"}""", false)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"],"scope":"Namespaced"}""", true)]
    [DataRow("""{"operations":["*"],"apiGroups":["example.com"],"apiVersions":["v1"],"resources":["*/*"],"scope":"*"}""", true)]
    [DataRow("""{"operations":["CREATE"],"apiGroups":["example.com"],"apiVersions":["v1"],"resources":["gadgets","widgets/*"]}""", true)]
    public async Task AD3_Rules_SayWhatIsAsked(string rule, bool isAsked)
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", $$"""{"rules":[{{rule}}]}""")]);

        await server.CreateAsync(WidgetServer.New("a"));

        Assert.HasCount(isAsked ? 1 : 0, _webhook.Asked);
    }

    [TestMethod]
    [DataRow("""{"namespaceSelector":{"matchLabels":{"env":"prod"}}}""", true)]
    [DataRow("""{"namespaceSelector":{"matchExpressions":[{"key":"env","operator":"NotIn","values":["prod"]}]}}""", false)]
    [DataRow("""{"objectSelector":{"matchLabels":{"team":"a"}}}""", true)]
    [DataRow("""{"objectSelector":{"matchLabels":{"team":"b"}}}""", false)]
    [DataRow("""{"matchConditions":[{"name":"mine","expression":"object.metadata.labels.team == 'a'"},{"name":"new","expression":"request.operation == 'CREATE'"}]}""", true)]
    [DataRow("""{"matchConditions":[{"name":"not","expression":"has(object.spec.text)"}]}""", false)]
    [DataRow("""{"failurePolicy":"Ignore","matchConditions":[{"name":"wrong","expression":"object.nothing.deep == 1"}]}""", false)]
    [DataRow("""{"matchConditions":[{"name":"wrong","expression":"object.nothing.deep == 1"},{"name":"no","expression":"false"}]}""", false)]
    public async Task AD3_SelectorsAndConditions_SayWhatIsAsked(string fields, bool isAsked)
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", fields)]);
        JsonObject widget = WidgetServer.New("a");
        widget["metadata"]!["labels"] = new JsonObject { ["team"] = "a" };

        await server.CreateAsync(widget);

        Assert.HasCount(isAsked ? 1 : 0, _webhook.Asked);
    }

    [TestMethod]
    public async Task AD3_Condition_ThatFails_RefusesUnlessFailuresAreIgnored()
    {
        await using WidgetServer server = await StartAsync([], [_webhook.Configuration("v", """{"matchConditions":[{"name":"wrong","expression":"object.nothing == 1"}]}""")]);

        Answer answer = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(403, answer.Code);
        Assert.AreEqual("widgets.example.com \"a\" is forbidden: matchConditions[wrong]: no such key: nothing", answer.Message);
    }

    [TestMethod]
    public async Task AD3_MutatingWebhooks_SeeEachOthersWork_AndAreAskedAgainWhenTheyWant()
    {
        _webhook.Respond = request =>
        {
            string path = (string)request["path"]!, text = (string?)request["object"]!["spec"]!["text"] ?? "";
            return path == "b" || !text.Contains(path, StringComparison.Ordinal)
                ? new JsonObject { ["patchType"] = "JSONPatch", ["patch"] = FakeWebhook.Patch($$"""[{"op":"add","path":"/spec/text","value":"{{text + path}}"}]""") }
                : [];
        };
        await using WidgetServer server = await StartAsync(
            [_webhook.Configuration("b"), _webhook.Configuration("a", """{"reinvocationPolicy":"IfNeeded"}"""), _webhook.Configuration("c")], []);

        JsonObject created = await server.CreateAsync(WidgetServer.New("x"));

        Assert.AreEqual("abc", (string?)created["spec"]!["text"]);
        CollectionAssert.AreEqual(new[] { "a", "b", "c", "a" }, _webhook.Asked.Select(request => (string)request["path"]!).ToArray());
    }

    [TestMethod]
    public async Task C8_ValidatingWebhooks_SeeWhatMutatingOnesMade_AndCannotChangeIt()
    {
        _webhook.Respond = request => (string)request["path"]! == "m"
            ? new JsonObject { ["patchType"] = "JSONPatch", ["patch"] = FakeWebhook.Patch("""[{"op":"add","path":"/spec/text","value":"made"}]""") }
            : new JsonObject { ["allowed"] = (string?)request["object"]!["spec"]!["text"] == "made" };
        await using WidgetServer server = await StartAsync([_webhook.Configuration("m")], [_webhook.Configuration("v")]);

        await server.CreateAsync(WidgetServer.New("a"));

        _webhook.Respond = _ => new JsonObject { ["patchType"] = "JSONPatch", ["patch"] = FakeWebhook.Patch("[]") };
        await using WidgetServer patching = await StartAsync([], [_webhook.Configuration("v")]);
        Answer answer = await patching.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));
        StringAssert.Contains(answer.Message, "validating webhook may not return response.patch");
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task G5_Writes_BeforeTheWebhooksAreKnown_Wait_AndAreForbiddenAtLast()
    {
        var clock = new ManualClock();
        var synced = new TaskCompletionSource();
        await using WidgetServer server = await StartAsync([], [], synced: synced.Task, clock: clock);

        Task<Answer> tooEarly = server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));
        Answer refused = await Eventually.GetAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromSeconds(1));
                return Task.FromResult(tooEarly.IsCompleted ? tooEarly.Result : null);
            },
            answer => answer is not null, "the write has waited long enough", default) ?? throw new InvalidOperationException();
        Task<Answer> waiting = server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));
        synced.SetResult();

        Assert.AreEqual(403, refused.Code);
        Assert.AreEqual("widgets.example.com \"a\" is forbidden: not yet ready to handle request", refused.Message);
        Assert.AreEqual(201, (await waiting).Code);
    }

    [TestMethod]
    public void Service_OfAWebhook_IsReachedByTheClustersDns()
    {
        Webhook webhook = Webhook.ReadAll([new JsonObject
        {
            ["webhooks"] = new JsonArray(new JsonObject
            {
                ["name"] = "k", ["clientConfig"] = new JsonObject { ["service"] = new JsonObject { ["name"] = "kyverno", ["namespace"] = "policy", ["path"] = "/validate?x=1" } },
            }),
        }]).Single();

        Assert.AreEqual("https://kyverno.policy.svc/validate?x=1&timeout=10s", webhook.Address!.AbsoluteUri);
    }

    private static Task<WidgetServer> StartAsync(
        JsonObject[] mutating, JsonObject[] validating, ResourceDefinition? widget = null, Task? synced = null, TimeProvider? clock = null) => WidgetServer.StartAsync(
        api =>
        {
            api.Services.AddSingleton<IWebhookSource>(new Source(Webhook.ReadAll(mutating), Webhook.ReadAll(validating), synced ?? Task.CompletedTask));
            api.Services.AddWebhookAdmission();
            api.Services.AddSingleton(clock ?? TimeProvider.System);
        },
        widget: widget);

    private sealed class Source(Webhook[] mutating, Webhook[] validating, Task synced) : IWebhookSource
    {
        public Task Synced => synced;

        public ValueTask<IReadOnlyList<Webhook>> GetAsync(bool isMutating, CancellationToken cancellationToken) => new(isMutating ? mutating : validating);

        public ValueTask<JsonObject?> FindNamespaceAsync(string name, CancellationToken cancellationToken) =>
            new(JsonNode.Parse("""{"metadata":{"labels":{"env":"prod"}}}""")!.AsObject());
    }

    private sealed class Opens : ISubresource
    {
        public string Name => "open";
        public string Kind => "Opening";
        public Schema Schema => Schema.Anything();
        public IReadOnlyList<string> Verbs => ["get", "create"];
        public IReadOnlyList<string> LongRunningVerbs => [];

        public Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken) => request.Http.Response.WriteAsync("{}", cancellationToken);
    }
}
