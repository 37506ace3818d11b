using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.Webhook;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Delivery.Webhook;

/// <summary>The webhook over TLS, called the way an API server calls it: by the registration's URL, trusting its caBundle alone.</summary>
[TestClass]
public sealed class WebhookServerTests
{
    private readonly InMemoryKubernetes _cluster = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(60_000)]
    public async Task Mutate_ByTheRegistrationsUrlAndBundle_AnswersThePatch()
    {
        WebhookOptions options = Options();
        using WebhookServer server = await StartAsync(options);
        JsonNode webhook = Registration()["webhooks"]![0]!;
        Assert.AreEqual("Fail", (string?)webhook["failurePolicy"]);
        using HttpClient client = ClientTrusting((string)webhook["clientConfig"]!["caBundle"]!);
        using HttpResponseMessage answer = await client.PostAsJsonAsync((string)webhook["clientConfig"]!["url"]!, Review(), TestContext.CancellationToken);
        JsonNode response = (await answer.Content.ReadFromJsonAsync<JsonNode>(TestContext.CancellationToken))!["response"]!;
        Assert.AreEqual("review-1", (string?)response["uid"]);
        Assert.IsTrue((bool?)response["allowed"]);
        Assert.Contains("model-delivery", Encoding.UTF8.GetString(Convert.FromBase64String((string)response["patch"]!)));
        await server.StopAsync(TestContext.CancellationToken);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Mutate_WithABodyThatIsNoReview_Is400()
    {
        using WebhookServer server = await StartAsync(Options());
        JsonNode config = Registration()["webhooks"]![0]!["clientConfig"]!;
        using HttpClient client = ClientTrusting((string)config["caBundle"]!);
        using HttpResponseMessage answer = await client.PostAsync((string)config["url"]!, new StringContent("nonsense"), TestContext.CancellationToken);
        Assert.AreEqual(HttpStatusCode.BadRequest, answer.StatusCode);
        await server.StopAsync(TestContext.CancellationToken);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Registration_ThatSomebodyDeletes_IsMadeAgainWithinAMinute()
    {
        var clock = new ManualClock();
        using WebhookServer server = await StartAsync(Options(), clock);
        await WhenItRestsAsync(clock);
        await _cluster.DeleteAsync(ResourceTypes.MutatingWebhookConfigurations, null, WebhookConfiguration.Name, null, null, TestContext.CancellationToken);
        clock.Advance(TimeSpan.FromMinutes(1));
        await Eventually.GetAsync(
            () => Task.FromResult(_cluster.Find(ResourceTypes.MutatingWebhookConfigurations, null, WebhookConfiguration.Name)),
            found => found is not null,
            "the webhook is registered again",
            TestContext.CancellationToken,
            seconds: 30);
        await server.StopAsync(TestContext.CancellationToken);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Registration_ThatIsAsItShouldBe_IsToldOnce()
    {
        var clock = new ManualClock();
        using var log = new LogCapture();
        using var loggers = new LoggerFactory([log]);
        using WebhookServer server = await StartAsync(Options(), clock, loggers.CreateLogger<WebhookServer>());
        await WhenItRestsAsync(clock);
        clock.Advance(TimeSpan.FromMinutes(1));
        await WhenItRestsAsync(clock);
        await server.StopAsync(TestContext.CancellationToken);
        Assert.IsGreaterThan(1, _cluster.Writes.Count(write => write == $"patch mutatingwebhookconfigurations/{WebhookConfiguration.Name}"));
        Assert.AreEqual(1, log.Lines.Count(line => line.Contains("is registered", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Registration_OfPodsAndNotices_NeverStandsInAnybodysWay()
    {
        JsonObject[] webhooks = [.. WebhookConfiguration.Document(Options(), "ca")["webhooks"]!.AsArray().OfType<JsonObject>()];
        string[] policies = [.. webhooks.Select(webhook => $"{(string)webhook["name"]!}: {(string)webhook["failurePolicy"]!}")];
        CollectionAssert.AreEqual(
            (string[])["delivery.ai-models.deckhouse.io: Fail", "pod-gate.ai-models.deckhouse.io: Ignore", "notice.ai-models.deckhouse.io: Ignore"], policies);
        Assert.IsTrue(webhooks.All(webhook => webhook["matchConditions"]!.AsArray().Count > 0));
    }

    [TestMethod, Timeout(60_000)]
    public async Task Certificate_OfASecondReplica_IsTheFirstOnes()
    {
        WebhookOptions options = Options();
        using var first = new WebhookCertificate(_cluster, options, TimeProvider.System);
        using var second = new WebhookCertificate(_cluster, options, TimeProvider.System);
        string bundle = await first.EnsureAsync(TestContext.CancellationToken);
        Assert.AreEqual(bundle, await second.EnsureAsync(TestContext.CancellationToken));
        Assert.AreEqual(first.Current!.Thumbprint, second.Current!.Thumbprint);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Certificate_NearItsEnd_IsRenewedAndTheOldCaStaysTrusted()
    {
        WebhookOptions options = Options();
        var clock = new ManualClock();
        using var certificate = new WebhookCertificate(_cluster, options, clock);
        string before = await certificate.EnsureAsync(TestContext.CancellationToken);
        string thumbprint = certificate.Current!.Thumbprint;
        clock.Advance(TimeSpan.FromDays(340));
        string after = await certificate.EnsureAsync(TestContext.CancellationToken);
        Assert.AreNotEqual(thumbprint, certificate.Current.Thumbprint);
        Assert.EndsWith(before.Trim(), after.Trim());
    }

    private static JsonObject Review() => JsonNode.Parse("""
        {
          "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
          "request": {
            "uid": "review-1", "operation": "CREATE", "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
            "object": {
              "metadata": { "name": "app", "annotations": { "ai.deckhouse.io/model": "tiny" } },
              "spec": { "template": { "spec": { "containers": [ { "name": "server", "image": "x" } ] } } }
            }
          }
        }
        """)!.AsObject();

    private static WebhookOptions Options()
    {
        var address = new Uri($"https://127.0.0.1:{FreePorts.Block(1)}");
        return new WebhookOptions { Listen = address, Url = address };
    }

    private static HttpClient ClientTrusting(string caBundle)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(caBundle)));
        return new HttpClient(handler);
    }

    private JsonObject Registration() => _cluster.Find(ResourceTypes.MutatingWebhookConfigurations, null, WebhookConfiguration.Name)!;

    /// <summary>It has looked, and waits for the next time.</summary>
    private Task WhenItRestsAsync(ManualClock clock) =>
        Eventually.GetAsync(() => Task.FromResult(clock.ActiveTimers), timers => timers > 0, "the webhook's server waits", TestContext.CancellationToken, seconds: 30);

    private async Task<WebhookServer> StartAsync(WebhookOptions options, TimeProvider? time = null, ILogger<WebhookServer>? logger = null)
    {
        var certificate = new WebhookCertificate(_cluster, options, time ?? TimeProvider.System);
        var rules = new AdmissionRules(new AdmissionMutation([new NodeCacheMode(new NoCaches(), new())]), new PodGate(new KnownModels()), NoCaches.WarmNodes);
        var server = new WebhookServer(_cluster, options, certificate, rules, time ?? TimeProvider.System, logger ?? NullLogger<WebhookServer>.Instance);
        await server.StartAsync(TestContext.CancellationToken);
        while (_cluster.Find(ResourceTypes.MutatingWebhookConfigurations, null, WebhookConfiguration.Name) is null)
        {
            await Task.Yield();
        }

        return server;
    }
}
