using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>The real programs, started by hack/local-cluster.sh in a folder of their own, driven by the real kubectl and curl.</summary>
internal sealed class RunningCluster : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string[] _options;

    private RunningCluster(string[] options)
    {
        Port = FreePorts.Block(5);
        _options = options;
    }

    public int Port { get; }
    public string Data => _folder.Path;
    public string NodeRoot => _folder["node"];
    public Dictionary<string, string> Environment => new() { ["KUBECONFIG"] = _folder["kubeconfig"] };

    public static async Task<RunningCluster> StartAsync(CancellationToken cancellationToken, params string[] options)
    {
        var cluster = new RunningCluster(options);
        await cluster.UpAsync(cancellationToken);
        return cluster;
    }

    /// <summary>Starts it, with the options it was made with and, for this time, some more.</summary>
    public async Task UpAsync(CancellationToken cancellationToken, params string[] more) =>
        (await ScriptAsync(["up", "--data", Data, "--port", $"{Port}", .. _options, .. more], cancellationToken)).Succeeded();

    public async Task DownAsync(CancellationToken cancellationToken) => (await ScriptAsync(["down", "--data", Data], cancellationToken)).Succeeded();

    public Task<CommandResult> ScriptAsync(IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        CommandResult.RunAsync(Checkout.File("hack/local-cluster.sh"), arguments, cancellationToken);

    /// <summary>kill -9, at any moment.</summary>
    public void Kill()
    {
        using var process = Process.GetProcessById(int.Parse(File.ReadAllText(_folder["cluster.pid"])));
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>kubectl; fails the test when kubectl fails.</summary>
    public async Task<string> KubectlAsync(CancellationToken cancellationToken, params string[] arguments) =>
        (await TryKubectlAsync(cancellationToken, arguments)).Succeeded();

    public Task<CommandResult> TryKubectlAsync(CancellationToken cancellationToken, params string[] arguments) =>
        CommandResult.RunAsync("kubectl", arguments, cancellationToken, Environment);

    public Task<CommandResult> ApplyAsync(JsonObject document, CancellationToken cancellationToken) =>
        CommandResult.RunAsync("kubectl", ["apply", "-f", "-"], cancellationToken, Environment, document.ToJsonString());

    public async Task<JsonObject> GetAsync(string kind, string name, CancellationToken cancellationToken) =>
        JsonNode.Parse(await KubectlAsync(cancellationToken, "get", kind, name, "-o", "json"))!.AsObject();

    /// <summary>Waits until a model is in a phase.</summary>
    public Task<JsonObject> WaitForPhaseAsync(string model, string phase, CancellationToken cancellationToken) => Eventually.GetAsync(
        () => GetAsync("model", model, cancellationToken), m => (string?)m["status"]?["phase"] == phase, $"model {model} becomes {phase}", cancellationToken);

    /// <summary>Creates a model that waits for its upload, and opens the upload. Gives URL and token.</summary>
    public async Task<(string Url, string Token)> OpenUploadAsync(string model, CancellationToken cancellationToken, string fileName = "model.gguf", long? length = null)
    {
        (await ApplyAsync(A.Model(model).FromUpload().Build(), cancellationToken)).Succeeded();
        await WaitForPhaseAsync(model, "WaitForUpload", cancellationToken);
        string body = _folder[$"{model}.upload.json"];
        var spec = new JsonObject { ["fileName"] = fileName };
        if (length != null) spec["lengthBytes"] = length;
        await File.WriteAllTextAsync(body, new JsonObject { ["apiVersion"] = "ai.deckhouse.io/v1alpha1", ["kind"] = "UploadSession", ["spec"] = spec }.ToJsonString(), cancellationToken);
        string answer = await KubectlAsync(cancellationToken, "create", "--raw", $"/apis/ai.deckhouse.io/v1alpha1/namespaces/default/models/{model}/upload", "-f", body);
        JsonNode session = JsonNode.Parse(answer)!;
        return ((string)session["status"]!["url"]!, (string)session["status"]!["token"]!);
    }

    /// <summary>curl -T FILE, as the documentation has it. Gives the HTTP status and the body.</summary>
    public async Task<(int Status, string Body)> CurlUploadAsync(string url, string token, byte[] content, CancellationToken cancellationToken)
    {
        string file = _folder[Guid.NewGuid().ToString("N")];
        await File.WriteAllBytesAsync(file, content, cancellationToken);
        CommandResult result = await CommandResult.RunAsync(
            "curl", ["-sS", "-T", file, "--cacert", _folder["pki/ca.crt"], "-H", $"Authorization: Bearer {token}", "-w", "\n%{http_code}", url], cancellationToken);
        File.Delete(file);
        int end = result.Output.LastIndexOf('\n');
        return (int.Parse(result.Output[(end + 1)..]), result.Output[..Math.Max(0, end)]);
    }

    /// <summary>A client that trusts the cluster, for what curl cannot do.</summary>
    public HttpClient CreateClient(string token)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(_folder["pki/ca.crt"]);
        var client = new HttpClient(handler);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>The running Pod of a Deployment, once there is one.</summary>
    public Task<string> RunningPodAsync(string app, CancellationToken cancellationToken) => Eventually.GetAsync(
        () => KubectlAsync(cancellationToken, "get", "pods", "-l", $"app={app}", "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}"),
        name => name.Length > 0 && !name.Contains(' '), $"one Pod of {app} runs", cancellationToken);

    /// <summary>What the container of a Pod sees at a path.</summary>
    public string ContainerPath(string pod, string path) => Path.Combine(NodeRoot, "default", pod, "server", path.TrimStart('/'));

    public async ValueTask DisposeAsync()
    {
        await ScriptAsync(["down", "--data", Data], CancellationToken.None);
        _folder.Dispose();
    }
}
