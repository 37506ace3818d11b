using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>The components run under the service accounts and roles of manifests/base: what they do must be allowed by those, and people get what theirs say.</summary>
[TestClass]
public sealed class RightsTests
{
    private static RunningCluster _cluster = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => _cluster = await RunningCluster.StartAsync(context.CancellationToken, "--delivery-type", "NodeCache");

    [ClassCleanup]
    public static async Task StopAsync() => await _cluster.DisposeAsync();

    [TestMethod]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task ModelFromUploadToMountAndAway_NeedsNoRightThatTheManifestsDoNotGive()
    {
        (string url, string token) = await _cluster.OpenUploadAsync("allowed", Cancelled);
        Assert.AreEqual(200, (await _cluster.CurlUploadAsync(url, token, ModelFiles.Gguf(), Cancelled)).Status);
        await _cluster.WaitForPhaseAsync("allowed", "Ready", Cancelled);
        (await _cluster.ApplyAsync(A.Deployment("allowed-app", "allowed"), Cancelled)).Succeeded();
        await _cluster.RunningPodAsync("allowed-app", Cancelled);
        await _cluster.KubectlAsync(Cancelled, "delete", "deployment", "allowed-app");
        await _cluster.KubectlAsync(Cancelled, "delete", "model", "allowed", "--timeout=60s");

        string log = await File.ReadAllTextAsync(Path.Combine(_cluster.Data, "cluster.log"), Cancelled);
        CollectionAssert.AreEqual(Array.Empty<string>(), log.Split('\n').Where(line => line.Contains("Not allowed: system:serviceaccount:d8-ai-models:", StringComparison.Ordinal)).ToArray());
        StringAssert.Contains(
            await _cluster.KubectlAsync(Cancelled, "get", "rolebindings", "-n", "default"), "ClusterRole/ai-models-controllers-namespace", "Secrets are reached in this namespace alone");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Certificates_AreMadeOnce_ByAnAccountThatCanDoNothingElse()
    {
        string[] command = ["certificates", "--kubeconfig", Path.Combine(_cluster.Data, "pki/ai-models-certificates.kubeconfig"), "--apiserver-host", "models.example.com"];

        string first = (await RunAsync(command)).Succeeded(), second = (await RunAsync(command)).Succeeded();

        StringAssert.Contains(first, "Secret ai-models-apiserver-tls: a new certificate");
        StringAssert.Contains(first, "APIService v1alpha1.ai.deckhouse.io: caBundle written");
        Assert.AreEqual("", second, "what is good is left alone");
        string bundle = await DataAsync("configmap", "ai-models-ca", @"{.data.ca\.crt}");
        string caBundle = await _cluster.KubectlAsync(Cancelled, "get", "apiservice", "v1alpha1.ai.deckhouse.io", "-o", "jsonpath={.spec.caBundle}");
        Assert.AreEqual(bundle, Encoding.UTF8.GetString(Convert.FromBase64String(caBundle)));

        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["ca.crt"], bundle, Cancelled);
        foreach ((string secret, string host) in new[] { ("ai-models-apiserver-tls", "models.example.com"), ("ai-models-registry-tls", "ai-models-registry.d8-ai-models.svc") })
        {
            await File.WriteAllTextAsync(folder["tls.crt"], Encoding.UTF8.GetString(Convert.FromBase64String(await DataAsync("secret", secret, @"{.data.tls\.crt}"))), Cancelled);
            (await CommandResult.RunAsync("openssl", ["verify", "-CAfile", folder["ca.crt"], "-verify_hostname", host, folder["tls.crt"]], Cancelled)).Succeeded();
        }

        JsonObject keys = JsonNode.Parse(await DataAsync("configmap", "ai-models-grant-keys", "{.data}"))!.AsObject();
        StringAssert.StartsWith((string)keys.Single().Value!, "-----BEGIN PUBLIC KEY-----");
        Assert.AreEqual("no", await MayAsync("--as=system:serviceaccount:d8-ai-models:ai-models-certificates", "get", "secrets", "-n", "default"));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task TokensOfServiceAccounts_OpenWhatTheyAreFor_AndNothingElse()
    {
        await _cluster.KubectlAsync(Cancelled, "create", "serviceaccount", "audience");
        string own = await TokenAsync(), foreign = await TokenAsync("--audience=vault"), both = await TokenAsync("--audience=vault", "--audience=https://kubernetes.default.svc");

        foreach (int port in new[] { _cluster.Port, _cluster.Port + 1 }) // the host, and our server directly, which asks it
        {
            string discovery = $"https://127.0.0.1:{port}/apis/ai.deckhouse.io/v1alpha1";
            Assert.AreEqual(HttpStatusCode.OK, await StatusAsync(own, discovery), discovery);
            Assert.AreEqual(HttpStatusCode.OK, await StatusAsync(both, discovery), discovery);
            Assert.AreEqual(HttpStatusCode.Unauthorized, await StatusAsync(foreign, discovery), discovery);
        }

        // The registry takes grants: no token of an account opens it, whatever it is for.
        string registry = $"https://127.0.0.1:{_cluster.Port + 2}/v2/", forRegistry = await TokenAsync("--audience=ai-models-registry");
        Assert.AreEqual(HttpStatusCode.Unauthorized, await StatusAsync(own, registry));
        Assert.AreEqual(HttpStatusCode.Unauthorized, await StatusAsync(forRegistry, registry));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task People_GetWhatTheRolesOfEveryClusterSay()
    {
        await _cluster.KubectlAsync(Cancelled, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=vera");
        await _cluster.KubectlAsync(Cancelled, "create", "rolebinding", "editor", "--clusterrole=edit", "--user=ed");

        foreach ((string who, string verb, string what, string answer) in new[]
        {
            ("vera", "get", "models.ai.deckhouse.io", "yes"), ("vera", "create", "models.ai.deckhouse.io", "no"), ("vera", "get", "models.ai.deckhouse.io/progress", "yes"),
            ("ed", "create", "models.ai.deckhouse.io", "yes"), ("ed", "create", "models.ai.deckhouse.io/upload", "yes"), ("ed", "patch", "models.ai.deckhouse.io/upload", "yes"),
            ("ed", "update", "models.ai.deckhouse.io/status", "no"), ("ed", "create", "models.ai.deckhouse.io/grant", "no"), ("ed", "create", "clustermodels.ai.deckhouse.io", "no"),
        })
        {
            string[] resource = what.Split('/');
            Assert.AreEqual(answer, await MayAsync(["--as=" + who, verb, resource[0], .. resource.Length > 1 ? ["--subresource=" + resource[1]] : Array.Empty<string>()]), $"{who} {verb} {what}");
        }

        await _cluster.KubectlAsync(Cancelled, "get", "models", "--as=vera");
        StringAssert.Contains((await _cluster.TryKubectlAsync(Cancelled, "get", "models", "-n", "kube-system", "--as=vera")).Error, "forbidden");
    }

    /// <summary>What a Job of --preparation jobs asks for: see controllers/README.md.</summary>
    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task PreparationJobs_MayDoWhatTheirStagesAsk_AndNoMore()
    {
        foreach (string kind in new[] { "models", "clustermodels" })
        {
            Assert.AreEqual("yes", await PreparationMayAsync("get", kind, "upload"), kind);
            Assert.AreEqual("yes", await PreparationMayAsync("update", kind, "progress"), kind);
            Assert.AreEqual("no", await PreparationMayAsync("create", kind, "upload"), kind);
            Assert.AreEqual("no", await PreparationMayAsync("update", kind, "status"), kind);
        }

        Assert.AreEqual("no", await MayAsync("--as=system:serviceaccount:d8-ai-models:ai-models-preparation", "get", "secrets", "-n", "d8-ai-models"));

        Task<string> PreparationMayAsync(string verb, string kind, string subresource) =>
            MayAsync("--as=system:serviceaccount:d8-ai-models:ai-models-preparation", verb, kind + ".ai.deckhouse.io", "--subresource=" + subresource);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    [DynamicData(nameof(ManifestTests.Overlays), typeof(ManifestTests))]
    public async Task Overlay_IsAcceptedByKubectlApply(string overlay) =>
        StringAssert.Contains(await _cluster.KubectlAsync(Cancelled, "apply", "--dry-run=client", "-k", Checkout.File($"manifests/overlays/{overlay}")), "apiservice.apiregistration.k8s.io/v1alpha1.ai.deckhouse.io");

    private async Task<string> MayAsync(params string[] question) => (await _cluster.TryKubectlAsync(Cancelled, ["auth", "can-i", .. question])).Output.Trim();

    private Task<string> DataAsync(string kind, string name, string path) =>
        _cluster.KubectlAsync(Cancelled, "get", kind, name, "-n", "d8-ai-models", "-o", "jsonpath=" + path);

    private Task<CommandResult> RunAsync(IEnumerable<string> arguments) => CommandResult.RunAsync(Path.Combine(AppContext.BaseDirectory, "apiserver"), arguments, Cancelled);

    private async Task<string> TokenAsync(params string[] more) => (await _cluster.KubectlAsync(Cancelled, ["create", "token", "audience", .. more])).Trim();

    private async Task<HttpStatusCode> StatusAsync(string token, string url)
    {
        using HttpClient client = _cluster.CreateClient(token);
        using HttpResponseMessage answer = await client.GetAsync(url, Cancelled);
        return answer.StatusCode;
    }
}
