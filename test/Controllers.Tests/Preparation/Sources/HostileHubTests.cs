using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;
using Microsoft.AspNetCore.Http;

namespace AiModels.Controllers.Tests.Preparation.Sources;

/// <summary>Hubs that are none, that lie, or that send elsewhere: each ends in words that say so, and the token goes nowhere.</summary>
[TestClass]
public sealed class HostileHubTests
{
    private const string Token = "hf_right";
    private const string Listing = "/tree/";
    private const string Weights = "model.safetensors";

    private static readonly (string Path, byte[] Content)[] Files =
        [("config.json", "{}"u8.ToArray()), (Weights, ModelFiles.Safetensors())];

    private FakeHub _hub = null!;
    private PreparationWorld _world = null!;
    private LoopbackServer _elsewhere = null!;
    private bool _hasTokenLeaked;

    public TestContext TestContext { get; set; } = null!;

    [TestInitialize]
    public async Task StartAsync()
    {
        _hub = await FakeHub.StartAsync(Files);
        _hub.Model.Token = Token;
        _elsewhere = await LoopbackServer.StartAsync(
            http =>
            {
                _hasTokenLeaked |= http.Request.Headers.Authorization.Count > 0;
                http.Response.StatusCode = 404;
                return Task.CompletedTask;
            },
            "localhost");
        _world = await PreparationWorld.StartAsync(withControllers: false);
        await _world.CreateTokenAsync("hf", Token);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        await _world.DisposeAsync();
        await _hub.DisposeAsync();
        await _elsewhere.DisposeAsync();
    }

    [TestMethod]
    [DataRow("a page for everything", "answered 200 with text/html that is no JSON")]
    [DataRow("a page for the weights", "the source serves 23 bytes")]
    [DataRow("a listing in gzip", "answers with Content-Encoding 'gzip', which it was asked not to")]
    [DataRow("weights in gzip", "model.safetensors: the source sends it with Content-Encoding 'gzip'")]
    [DataRow("redirects in a circle", "redirects more than 10 times")]
    [DataRow("a redirect to http", "redirects from https to http")]
    [DataRow("a redirect to a file", "redirects from https to file")]
    [DataRow("a redirect to the metadata service", "redirects to 169.254.169.254 (169.254.169.254), which is no address of the internet")]
    [DataRow("a redirect to a neighbour", "redirects to [fe80::1] (fe80::1), which is no address of the internet")]
    [DataRow("a redirect to another host", "answered 404")]
    [DataRow("a path that leads out", "has a file that cannot be stored: ../secret")]
    [DataRow("a path with half a surrogate", "lists owner/model in a way that cannot be used")]
    [DataRow("a path twice as a file and as a folder", "cannot be stored beside each other: path 'a' is a file and a folder")]
    [DataRow("pages without end", "has more than 200000 files")]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_HostileHub_FailsAndSaysWhy(string what, string expected)
    {
        _hub.Instead = http => Answer(http, what);
        await _world.StartControllersAsync(
            options => options.HuggingfaceEndpoint = _hub.Endpoint, PreparationWorld.QuickPatience with { Retries = 1, Budget = TimeSpan.Zero });
        JsonObject model = await _world.CreateAsync(
            "m", new JsonObject { ["url"] = $"https://huggingface.co/{FakeHub.Repository}", ["authSecretRef"] = new JsonObject { ["name"] = "hf" } });
        ModelStatus failed = await _world.WaitForPhaseAsync("m", Phases.Failed, TestContext.CancellationToken);
        Condition ready = failed.Conditions!.Single(condition => condition.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.PublicationFailed, ready.Reason);
        StringAssert.Contains(ready.Message, expected);
        Assert.IsFalse(ready.Message.Contains("   at ", StringComparison.Ordinal) || ready.Message.Contains("Exception", StringComparison.Ordinal), ready.Message);
        Assert.IsFalse(_hasTokenLeaked || _hub.Cdn.HasTokenLeaked);
        await Eventually.GetAsync(
            async () => (Notes: (await _world.NotesAsync($"models/{model["metadata"]!["uid"]}")).Count, _world.Reservations, _world.OpenUploads),
            left => left == (0, 0, 0), "nothing is left", TestContext.CancellationToken);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Prepare_HubThatWarns_IsToldByEvents()
    {
        _hub.Instead = http =>
        {
            http.Response.Headers.Append("X-HF-Warning", "xet; please install hf_xet");
            http.Response.Headers["Deprecation"] = "@1688169599";
            http.Response.Headers["Sunset"] = "Sun, 30 Jun 2030 23:59:59 GMT";
            return null;
        };
        await _world.StartControllersAsync(options => options.HuggingfaceEndpoint = _hub.Endpoint);
        await _world.CreateAsync("m", new JsonObject { ["url"] = $"https://huggingface.co/{FakeHub.Repository}", ["authSecretRef"] = new JsonObject { ["name"] = "hf" } });
        await _world.WaitForPhaseAsync("m", Phases.Ready, TestContext.CancellationToken);
        string[] notices = await Eventually.GetAsync(
            () => Task.FromResult(_world.EventsOf("m").Where(entry => entry.Reason == Reasons.SourceNotice).Select(entry => entry.Message).ToArray()),
            found => found.Length == 2, "both are told", TestContext.CancellationToken);
        StringAssert.Contains(notices.Single(notice => notice.Contains("warns", StringComparison.Ordinal)), "127.0.0.1 warns: please install hf_xet");
        StringAssert.Contains(notices.Single(notice => notice.Contains("deprecated", StringComparison.Ordinal)), "ends on Sun, 30 Jun 2030 23:59:59 GMT");
    }

    private Task? Answer(HttpContext http, string what)
    {
        string path = http.Request.Path.Value!;
        return what switch
        {
            "a page for everything" => PageAsync(http),
            "a page for the weights" when path.EndsWith(Weights, StringComparison.Ordinal) => PageAsync(http),
            "a listing in gzip" when path.Contains(Listing, StringComparison.Ordinal) => EncodedAsync(http),
            "weights in gzip" when path.EndsWith(Weights, StringComparison.Ordinal) => EncodedAsync(http),
            "redirects in a circle" => Redirect(http, path),
            "a redirect to http" => Redirect(http, "http://127.0.0.1/"),
            "a redirect to a file" => Redirect(http, "file:///etc/passwd"),
            "a redirect to the metadata service" => Redirect(http, "https://169.254.169.254/latest/meta-data"),
            "a redirect to a neighbour" => Redirect(http, "https://[fe80::1]/"),
            "a redirect to another host" => Redirect(http, $"{_elsewhere.Address}{path.TrimStart('/')}"),
            "a path that leads out" when path.Contains(Listing, StringComparison.Ordinal) => ListAsync(http, "../secret"),
            "a path with half a surrogate" when path.Contains(Listing, StringComparison.Ordinal) => ListAsync(http, "\\ud800"),
            "a path twice as a file and as a folder" when path.Contains(Listing, StringComparison.Ordinal) => ListAsync(http, "a", "a/b", "config.json", Weights),
            "pages without end" when path.Contains(Listing, StringComparison.Ordinal) => EndlessAsync(http),
            _ => null,
        };
    }

    private static Task PageAsync(HttpContext http)
    {
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.ContentLength = 23;
        return http.Response.WriteAsync("<html>Log in!</html>\r\n\n");
    }

    private static Task EncodedAsync(HttpContext http)
    {
        http.Response.Headers.ContentEncoding = "gzip";
        return http.Response.WriteAsync("[]");
    }

    private static Task Redirect(HttpContext http, string location)
    {
        http.Response.StatusCode = 302;
        http.Response.Headers.Location = location;
        return Task.CompletedTask;
    }

    private static Task ListAsync(HttpContext http, params string[] paths) => http.Response.WriteAsync(
        $"[{string.Join(',', paths.Select(path => $$"""{"type":"file","path":"{{path}}","oid":"{{new string('0', 40)}}","size":1}"""))}]");

    private static Task EndlessAsync(HttpContext http)
    {
        http.Response.Headers.Link = $"<https://huggingface.co{http.Request.Path}?cursor=1>; rel=\"next\"";
        return http.Response.WriteAsync("[]");
    }
}
