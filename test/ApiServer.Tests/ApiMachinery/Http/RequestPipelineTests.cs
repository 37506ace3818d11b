using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>What surrounds the handlers: headers, defects, deadlines, limits, subresources and admission.</summary>
[TestClass]
public sealed class RequestPipelineTests
{
    public required TestContext TestContext { get; set; }

    [TestMethod]
    public async Task A24_AuditId_IsEchoedOrMade()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();

        Answer made = await server.SendAsync("GET", "/version");
        Answer echoed = await server.SendAsync("GET", "/version", headers: ("Audit-ID", "mine"));

        Assert.IsTrue(Guid.TryParse(made.Header("Audit-ID"), out _));
        Assert.AreEqual("mine", echoed.Header("Audit-ID"));
    }

    [TestMethod]
    public async Task E7_Defect_AnswersUpstreamsPanicText()
    {
        await using WidgetServer server = await StartAsync(new Probe((_, _) => throw new InvalidOperationException("a defect")));
        await server.CreateAsync(WidgetServer.New("a"));

        Answer answer = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe");

        Assert.AreEqual(500, answer.Code);
        Assert.AreEqual("This request caused apiserver to panic. Look in the logs for details.", answer.Text);
    }

    [TestMethod]
    [Timeout(10_000)]
    public async Task E9_E10_SlowRequest_IsEndedAtItsDeadline()
    {
        await using WidgetServer server = await StartAsync(
            new Probe((_, cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken)));
        await server.CreateAsync(WidgetServer.New("a"));

        Answer slow = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe?timeout=50ms");
        Answer wrong = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe?timeout=soon");

        Assert.AreEqual(504, slow.Code);
        Assert.AreEqual("Timeout: request did not complete within the allotted timeout", slow.Message);
        Assert.AreEqual(400, wrong.Code);
        Assert.AreEqual("invalid timeout specified in the request URL - time: invalid duration \"soon\"", wrong.Message);
    }

    [TestMethod]
    [Timeout(10_000)]
    public async Task H1_H9_RequestsBeyondTheLimit_Are429_AndLongRunningOnesDoNotCount()
    {
        var gate = new Gate();
        await using WidgetServer server = await StartAsync(new Probe(gate.HoldAsync) { LongRunningVerbs = ["create"] }, reads: 1);
        await server.CreateAsync(WidgetServer.New("a"));
        Task<Answer> held = server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe");
        Task<Answer> longRunning = server.SendAsync("POST", WidgetServer.Widgets() + "/a/probe?timeout=1ms", "body");
        await gate.Entered.WaitAsync(TestContext.CancellationToken);
        await gate.Entered.WaitAsync(TestContext.CancellationToken);

        Answer refused = await server.SendAsync("GET", WidgetServer.Widgets());
        gate.Open();

        Assert.AreEqual(429, refused.Code);
        Assert.AreEqual("Too many requests, please try again later.", refused.Text);
        Assert.AreEqual("1", refused.Header("Retry-After"));
        Assert.AreEqual(204, (await held).Code);
        Assert.AreEqual(204, (await longRunning).Code);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task H1_Masters_AreLetThroughAboveTheLimit()
    {
        var gate = new Gate();
        var probe = new Probe(gate.HoldAsync);
        await using WidgetServer server = await WidgetServer.StartAsync(
            api => api.Services.AddSingleton<IRequestAuthenticator>(
                StaticTokenAuthenticator.Of(new Dictionary<string, UserInfo> { ["root"] = new() { Name = "root", Groups = ["system:masters"] } })),
            options => options.MaximumReadsInFlight = 1, widget: WidgetServer.Widget with { Subresources = [probe] });
        await server.CreateAsync(WidgetServer.New("a"));
        Task<Answer> held = server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe");
        await gate.Entered.WaitAsync(TestContext.CancellationToken);

        Answer master = await server.SendAsync("GET", WidgetServer.Widgets(), headers: ("Authorization", "Bearer root"));
        Answer other = await server.SendAsync("GET", WidgetServer.Widgets());
        gate.Open();

        Assert.AreEqual((200, 429), (master.Code, other.Code));
        Assert.AreEqual(204, (await held).Code);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task E9_H9_Timeout_OfZeroOrMoreThanTheDefault_IsTheDefault_AndAWatchHasItsOwn()
    {
        await using WidgetServer server = await StartAsync(new Probe((request, cancellationToken) =>
        {
            request.Http.Response.StatusCode = cancellationToken.IsCancellationRequested ? 500 : 204;
            return Task.CompletedTask;
        }));
        await server.CreateAsync(WidgetServer.New("a"));

        foreach (string timeout in new[] { "0", "0s", "-5s", "10h", "1h1m1.5s", "" })
        {
            Assert.AreEqual(204, (await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe?timeout=" + timeout)).Code, timeout);
        }

        Answer watch = await server.SendAsync("GET", WidgetServer.Widgets() + "?watch=1&timeout=1ns&timeoutSeconds=1");
        Assert.AreEqual(200, watch.Code);
        StringAssert.Contains(watch.Text, "\"ADDED\"");
    }

    [TestMethod]
    public async Task Subresource_GetsItsParent_AndOnlyItsVerbs()
    {
        await using WidgetServer server = await StartAsync(new Probe((request, cancellationToken) =>
            request.Http.Response.WriteAsJsonAsync(
                new JsonObject { ["verb"] = request.Verb, ["color"] = request.Parent["spec"]!["color"]!.DeepClone(), ["user"] = request.User }, cancellationToken)));
        await server.CreateAsync(WidgetServer.New("a", "blue"));

        Answer get = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe");
        Answer watch = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe?watch=true");

        Assert.AreEqual("""{"verb":"get","color":"blue","user":"system:anonymous"}""", get.Text);
        Assert.AreEqual("watch", (string?)watch.Json["verb"]);
        Assert.AreEqual(405, (await server.SendAsync("DELETE", WidgetServer.Widgets() + "/a/probe")).Code);
        Assert.AreEqual(404, (await server.SendAsync("GET", WidgetServer.Widgets() + "/b/probe")).Code);
        Assert.AreEqual(404, (await server.SendAsync("GET", WidgetServer.Widgets() + "/a/other")).Code);
    }

    [TestMethod]
    public async Task Subresource_MayKnowCredentialsOfItsOwn_ForItselfOnly()
    {
        await using WidgetServer server = await StartAsync(
            new Probe((request, cancellationToken) => request.Http.Response.WriteAsync(request.User, cancellationToken)) { Token = "session" }, allowsAll: false);
        WriteOptions options = new() { FieldManager = "test" };
        await server.Services.GetRequiredService<ResourceRegistry>()
            .StoreOf("example.com", "widgets").CreateAsync("default", WidgetServer.New("a"), options, TestContext.CancellationToken);

        Answer known = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe", headers: ("Authorization", "Bearer session"));
        Answer wrong = await server.SendAsync("GET", WidgetServer.Widgets() + "/a/probe", headers: ("Authorization", "Bearer other"));
        Answer elsewhere = await server.SendAsync("GET", WidgetServer.Widgets() + "/a", headers: ("Authorization", "Bearer session"));

        Assert.AreEqual("upload-session", known.Text);
        Assert.AreEqual(401, wrong.Code);
        Assert.AreEqual(401, elsewhere.Code);
    }

    [TestMethod]
    public async Task C8_G1_G2_Admission_ChangesRefusesAndSeesTheStoredState()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.AddAdmission<Painter>());

        JsonObject created = await server.CreateAsync(WidgetServer.New("a"));
        Answer refused = await server.SendAsync("DELETE", WidgetServer.Widgets() + "/a");
        Answer absent = await server.SendAsync("POST", WidgetServer.Widgets("absent"), WidgetServer.New("a"));
        Answer terminating = await server.SendAsync("POST", WidgetServer.Widgets("terminating"), WidgetServer.New("a"));

        Assert.AreEqual("painted", (string?)created["spec"]!["color"]);
        Assert.AreEqual(403, refused.Code);
        Assert.AreEqual("widgets.example.com \"a\" is forbidden: painted things stay", refused.Message);
        Assert.AreEqual("namespaces \"absent\" not found", absent.Message);
        Assert.AreEqual(
            "widgets.example.com \"a\" is forbidden: unable to create new content in namespace terminating because it is being terminated", terminating.Message);
        Assert.AreEqual(
            """{"reason":"NamespaceTerminating","message":"namespace terminating is being terminated","field":"metadata.namespace"}""",
            terminating.Json["details"]!["causes"]![0]!.ToJsonString());
        Assert.AreEqual((404, """{"name":"absent","kind":"namespaces"}"""), (absent.Code, absent.Json["details"]!.ToJsonString()), "of the core group");
    }

    [TestMethod]
    public async Task U11_Scale_ReadsAndWritesReplicas_AtTheWorkloadsVersion()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(
            widget: WidgetServer.Widget with { Schema = Schema.Anything(), Subresources = [new ScaleSubresource()] });
        JsonObject widget = WidgetServer.New("a");
        widget["spec"] = new JsonObject { ["replicas"] = 2, ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["b"] = "1", ["a"] = "2" } } };
        await server.CreateAsync(widget);
        string path = WidgetServer.Widgets() + "/a/scale";

        JsonObject scale = (await server.SendAsync("GET", path)).Json;
        Answer patched = await server.SendAsync("PATCH", path, """{"spec":{"replicas":5}}""", "application/merge-patch+json");
        Answer outdated = await server.SendAsync("PUT", path, scale, type: null);
        Answer negative = await server.SendAsync("PATCH", path, """{"spec":{"replicas":-1}}""", "application/merge-patch+json");
        JsonObject discovery = (await server.SendAsync("GET", "/apis/example.com/v1")).Json;

        Assert.AreEqual("autoscaling/v1", (string?)scale["apiVersion"]);
        Assert.AreEqual(2, (int)scale["spec"]!["replicas"]!);
        Assert.AreEqual("a=2,b=1", (string?)scale["status"]!["selector"]);
        Assert.AreEqual(5, (int)patched.Json["spec"]!["replicas"]!, patched.Text);
        Assert.AreEqual(409, outdated.Code, outdated.Text);
        Assert.AreEqual(422, negative.Code);
        Assert.AreEqual(5, (int)(await server.SendAsync("GET", WidgetServer.Widgets() + "/a")).Json["spec"]!["replicas"]!);
        JsonNode entry = discovery["resources"]!.AsArray().Single(resource => (string?)resource!["name"] == "widgets/scale")!;
        Assert.AreEqual(("autoscaling", "v1", "Scale"), ((string?)entry["group"], (string?)entry["version"], (string?)entry["kind"]));
    }

    private static Task<WidgetServer> StartAsync(Probe probe, int reads = 0, bool allowsAll = true) => WidgetServer.StartAsync(
        options: options => options.MaximumReadsInFlight = reads, widget: WidgetServer.Widget with { Subresources = [probe] }, allowsAll: allowsAll);

    /// <summary>A subresource that answers as a test says.</summary>
    private sealed class Probe(Func<SubresourceRequest, CancellationToken, Task> answer) : ISubresource
    {
        public string Name => "probe";
        public string Kind => "Probe";
        public Schema Schema => Schema.Anything();
        public IReadOnlyList<string> Verbs => ["get", "watch", "create"];
        public IReadOnlyList<string> LongRunningVerbs { get; init; } = [];
        public string? Token { get; init; }

        public ValueTask<string?> AuthenticateAsync(SubresourceRequest request, string bearerToken, CancellationToken cancellationToken) =>
            new(bearerToken == Token ? "upload-session" : null);

        public Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken) => answer(request, cancellationToken);
    }

    /// <summary>Paints what is created, protects what is painted, and knows namespaces.</summary>
    private sealed class Painter : IAdmission, INamespaceSource
    {
        public ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken) => new(name switch
        {
            "absent" => NamespaceState.Absent,
            "terminating" => NamespaceState.Terminating,
            _ => NamespaceState.Active,
        });

        public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
        {
            await new NamespaceLifecycle(this, TimeProvider.System).MutateAsync(request, cancellationToken);
            if (request.Operation == "CREATE")
            {
                request.Object!["spec"]!["color"] = "painted";
            }
        }

        public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken) =>
            request.Operation == "DELETE" && (string?)request.OldObject!["spec"]!["color"] == "painted"
                ? throw ApiError.Forbidden(request.Resource, request.Name, "painted things stay")
                : ValueTask.CompletedTask;
    }

    /// <summary>Requests that have come in and are not answered until it opens.</summary>
    private sealed class Gate
    {
        private readonly TaskCompletionSource _open = new();

        public SemaphoreSlim Entered { get; } = new(0);

        public void Open() => _open.SetResult();

        public async Task HoldAsync(SubresourceRequest request, CancellationToken cancellationToken)
        {
            Entered.Release();
            await _open.Task.WaitAsync(cancellationToken);
            request.Http.Response.StatusCode = 204;
        }
    }
}
