using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Health, and the order in which a server ends (contract H5, H6, H11, H12).</summary>
[TestClass]
public sealed class ShutdownTests
{
    public required TestContext TestContext { get; set; }

    [TestMethod]
    public async Task H5_H6_Health_TellsEachCheckByName_AndKeepsReasonsToItself()
    {
        bool isWell = true;
        await using WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddHealthChecks()
            .AddCheck("storage", () => isWell ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("a secret"))
            .AddCheck("live-one", () => HealthCheckResult.Healthy(), ["live"]));

        Answer plain = await server.SendAsync("GET", "/readyz");
        Answer verbose = await server.SendAsync("GET", "/readyz?verbose&exclude=storage");
        Answer one = await server.SendAsync("GET", "/readyz/storage");
        Answer live = await server.SendAsync("GET", "/livez?verbose");
        isWell = false;
        Answer failed = await server.SendAsync("GET", "/readyz");
        Answer excluded = await server.SendAsync("GET", "/readyz?exclude=storage");
        Answer unknown = await server.SendAsync("GET", "/readyz?exclude=nothing");

        Assert.AreEqual("ok", plain.Text);
        Assert.AreEqual("text/plain; charset=utf-8", plain.Header("Content-Type"));
        Assert.AreEqual("nosniff", plain.Header("X-Content-Type-Options"));
        Assert.AreEqual("[+]ping ok\n[+]log ok\n[+]storage excluded: ok\n[+]live-one ok\n[+]shutdown ok\nreadyz check passed\n", verbose.Text);
        Assert.AreEqual("ok", one.Text);
        Assert.AreEqual("[+]ping ok\n[+]log ok\n[+]live-one ok\nlivez check passed\n", live.Text);
        Assert.AreEqual(500, failed.Code);
        Assert.AreEqual("[+]ping ok\n[+]log ok\n[-]storage failed: reason withheld\n[+]live-one ok\n[+]shutdown ok\nreadyz check failed\n", failed.Text);
        Assert.AreEqual(200, excluded.Code);
        StringAssert.Contains(unknown.Text, "warn: some health checks cannot be excluded: no matches for \"nothing\"\n");
        Assert.AreEqual(200, (await server.SendAsync("GET", "/livez/ping")).Code);
        Assert.AreEqual(404, (await server.SendAsync("GET", "/livez/storage")).Code);
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task H11_Stopping_FailsReadinessFirst_ServesOn_ThenRefusesWithRetryAfter_AndFinishesWhatIsUnderWay()
    {
        var clock = new ManualClock();
        var gate = new TaskCompletionSource();
        var entered = new TaskCompletionSource();
        await using WidgetServer server = await WidgetServer.StartAsync(
            api => api.Services.AddSingleton<TimeProvider>(clock),
            options => options.ShutdownDelay = TimeSpan.FromSeconds(20),
            widget: WidgetServer.Widget with
            {
                Subresources = [new Slow(async () =>
                {
                    entered.SetResult();
                    await gate.Task;
                })],
            });
        await server.CreateAsync(WidgetServer.New("a"));
        using HttpResponseMessage watch = await server.Client.GetAsync(
            WidgetServer.Widgets() + "?watch=1", HttpCompletionOption.ResponseHeadersRead, TestContext.CancellationToken);
        using var lines = new StreamReader(await watch.Content.ReadAsStreamAsync(TestContext.CancellationToken));
        Task<Answer> underWay = server.SendAsync("GET", WidgetServer.Widgets() + "/a/slow");
        await entered.Task.WaitAsync(TestContext.CancellationToken);

        Task stopping = server.Services.GetRequiredService<ServerShutdown>().StoppingAsync(TestContext.CancellationToken);
        Answer notReady = await server.SendAsync("GET", "/readyz");
        Answer live = await server.SendAsync("GET", "/livez");
        Answer served = await server.SendAsync("GET", WidgetServer.Widgets());
        clock.Advance(TimeSpan.FromSeconds(21));
        Answer refused = await Eventually.GetAsync(
            () => server.SendAsync("GET", WidgetServer.Widgets()), answer => answer.Code == 503, "requests are refused", TestContext.CancellationToken);
        Answer aggregator = await server.SendAsync("GET", "/apis/example.com/v1", headers: ("User-Agent", "kube-apiserver/v1.36.0 (linux/amd64)"));
        string rest = await lines.ReadToEndAsync(TestContext.CancellationToken);
        Assert.IsFalse(stopping.IsCompleted, "a request is still under way");
        gate.SetResult();
        await stopping.WaitAsync(TestContext.CancellationToken);

        Assert.AreEqual(500, notReady.Code);
        StringAssert.Contains(notReady.Text, "[-]shutdown failed: reason withheld\n");
        Assert.AreEqual(200, live.Code);
        Assert.AreEqual(200, served.Code, "everything is served until nobody is sent here any more");
        Assert.AreEqual("close", served.Header("Connection"), "and asked to come by another way the next time");
        Assert.AreEqual("apiserver is shutting down", refused.Message);
        Assert.AreEqual("1", refused.Header("Retry-After"));
        Assert.AreEqual(200, aggregator.Code);
        Assert.AreEqual(200, (await underWay).Code);
        Assert.DoesNotContain("ERROR", rest, "the watch just ends (H12)");
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task E10_Write_ThatTakesTooLong_IsEndedWithUpstreamsSentence()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(
            api => api.AddAdmission<Stuck>(), options => options.WriteTimeout = TimeSpan.FromMilliseconds(50));

        Answer answer = await server.SendAsync("POST", WidgetServer.Widgets(), WidgetServer.New("a"));

        Assert.AreEqual(504, answer.Code);
        Assert.AreEqual("Timeout: request did not complete within requested timeout - context deadline exceeded", answer.Message);
        Assert.AreEqual(TimeSpan.FromSeconds(34), new ApiMachineryOptions().WriteTimeout);
    }

    private sealed class Slow(Func<Task> wait) : ISubresource
    {
        public string Name => "slow";
        public string Kind => "Slow";
        public Schema Schema => Schema.Anything();
        public IReadOnlyList<string> Verbs => ["get"];
        public IReadOnlyList<string> LongRunningVerbs => [];

        public async Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
        {
            await wait();
            await request.Http.Response.WriteAsJsonAsync(new JsonObject(), cancellationToken);
        }
    }

    private sealed class Stuck : IAdmission
    {
        public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken) =>
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
    }
}
