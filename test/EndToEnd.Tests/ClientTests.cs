using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>What people upload and look with: curl, kubectl and its plugin, through the host's API and directly. The host cuts requests after five seconds.</summary>
[TestClass]
public sealed class ClientTests
{
    private static RunningCluster _cluster = null!;
    private static TempFolder _folder = null!;

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        _folder = new TempFolder();
        _cluster = await RunningCluster.StartAsync(context.CancellationToken, "--request-timeout", "5s");
    }

    [ClassCleanup]
    public static async Task StopAsync()
    {
        await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task CreateRaw_OfTheExample_OpensAnUpload_AndCurlSendsItDirectly()
    {
        await _cluster.KubectlAsync(Cancelled, "apply", "-f", Checkout.File("manifests/examples/01-model.yaml"));
        JsonNode session = JsonNode.Parse(await _cluster.KubectlAsync(
            Cancelled, "create", "--raw", ApiPath("quickstart"), "-f", Checkout.File("manifests/examples/02-upload.yaml")))!["status"]!;

        (int status, string body) = await _cluster.CurlUploadAsync((string)session["url"]!, (string)session["token"]!, ModelFiles.Gguf(), Cancelled);

        Assert.AreEqual(200, status, body);
        await _cluster.WaitForPhaseAsync("quickstart", "Ready", Cancelled);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task PieceThroughTheApi_CutByTheHost_IsKeptAndGoesOn()
    {
        string file = await FileAsync("cut.gguf", 4 << 20);
        await _cluster.OpenUploadAsync("cut", Cancelled, "cut.gguf", new FileInfo(file).Length);

        (int code, _) = await CurlAsync("PATCH", "cut", "-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream", "-T", file, "--limit-rate", "400K");
        Assert.AreEqual(504, code);

        // The server behind the host notices the cut in its own time: like every tus client, ask again after a conflict.
        string rest = _folder["cut.rest"];
        int answer = await Eventually.GetAsync(
            async () =>
            {
                (_, string headers) = await CurlAsync("HEAD", "cut", "--head");
                int offset = int.Parse(headers.Split('\n').Single(line => line.StartsWith("Upload-Offset:", StringComparison.OrdinalIgnoreCase)).Split(':')[1], CultureInfo.InvariantCulture);
                Assert.IsGreaterThan(0, offset, "what arrived before the cut is kept");
                await File.WriteAllBytesAsync(rest, (await File.ReadAllBytesAsync(file, Cancelled))[offset..], Cancelled);
                return (await CurlAsync("PATCH", "cut", "-H", $"Upload-Offset: {offset}", "-H", "Content-Type: application/offset+octet-stream", "-T", rest)).Code;
            },
            status => status == 204, "the rest is taken", Cancelled);

        Assert.AreEqual(204, answer);
        await _cluster.WaitForPhaseAsync("cut", "Ready", Cancelled);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task KubectlGet_OfEverySubresource_PrintsATable()
    {
        await _cluster.OpenUploadAsync("table", Cancelled, "table.gguf", 1 << 20);

        StringAssert.Matches(await SubresourceAsync("upload"), new(@"^NAME +STATE +PROGRESS +OFFSET +LENGTH +FILE +EXPIRES\s+table +Waiting +0% +0 +1Mi +table.gguf +in "));
        StringAssert.Matches(await SubresourceAsync("progress"), new(@"^NAME +STAGE +PROGRESS +RECEIVED +EXPECTED +RATE +ETA +REPORTED\s+table +WaitForUpload "));
        StringAssert.Matches(await SubresourceAsync("status"), new(@"^NAME +PHASE +PROGRESS .*\s+table +WaitForUpload "));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Plugin_UploadsANewModel_AndShowsItEverywhere()
    {
        CommandResult upload = await PluginAsync("upload", "shown", await FileAsync("shown.gguf", 1 << 20));
        string digest = (string)(await _cluster.GetAsync("model", "shown", Cancelled))["status"]!["artifact"]!["digest"]!;
        (await _cluster.ApplyAsync(A.Deployment("shown-app", "shown"), Cancelled)).Succeeded();

        Assert.AreEqual(0, upload.ExitCode, upload.Error);
        StringAssert.Contains(upload.Error, $"Model default/shown is Ready: {digest}");
        StringAssert.Matches((await PluginAsync("catalog")).Succeeded(), new(@"KIND +NAME +PHASE +FORMAT +SIZE(.|\n)*Model +shown +Ready +GGUF +1\.\dMi"));
        StringAssert.StartsWith((await PluginAsync("progress", "shown", "--watch")).Succeeded(), "Ready 100%");
        string tree = (await PluginAsync("tree", "shown")).Succeeded();
        StringAssert.Contains(tree, $"artifact  {digest}");
        StringAssert.Contains(tree, "Deployment default/shown-app");

        CommandResult again = await PluginAsync("upload", "shown", _folder["shown.gguf"], "--no-wait");
        Assert.AreEqual(0, again.ExitCode, "the last answer may have been lost: " + again.Error);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Plugin_UploadsAClusterModel()
    {
        CommandResult upload = await PluginAsync("upload", "curated", await FileAsync("curated.gguf", 1 << 20), "--cluster");

        Assert.AreEqual(0, upload.ExitCode, upload.Error);
        StringAssert.Matches((await PluginAsync("catalog")).Succeeded(), new(@"ClusterModel +curated +Ready"));
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Plugin_Interrupted_GoesOnWhereItWas()
    {
        string file = await FileAsync("interrupted.gguf", 12 << 20);
        using (Process first = StartSlowUpload("interrupted", file))
        {
            Task<string> said = first.StandardError.ReadToEndAsync(Cancelled);
            await OffsetAsync("interrupted");
            (await CommandResult.RunAsync("kill", ["-INT", $"{first.Id}"], Cancelled)).Succeeded();
            await first.WaitForExitAsync(Cancelled);
            Assert.AreEqual(130, first.ExitCode, await said);
            StringAssert.Contains(await said, "the same command goes on");
        }

        CommandResult second = await PluginAsync("upload", "interrupted", file);

        Assert.AreEqual(0, second.ExitCode, second.Error);
        StringAssert.Contains(second.Error, "going on at ");
        StringAssert.Contains(second.Error, "is Ready");
    }

    [TestMethod]
    [Timeout(180_000, CooperativeCancellation = true)]
    public async Task Plugin_WhoseClusterDies_GoesOnByItself()
    {
        using Process upload = StartSlowUpload("survivor", await FileAsync("survivor.gguf", 8 << 20));
        Task<string> said = upload.StandardError.ReadToEndAsync(Cancelled);
        await OffsetAsync("survivor");

        _cluster.Kill();
        await _cluster.UpAsync(Cancelled);
        await upload.WaitForExitAsync(Cancelled);

        Assert.AreEqual(0, upload.ExitCode, await said);
        StringAssert.Contains(await said, "the cluster does not answer");
        StringAssert.Contains(await said, "is Ready");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    [DataRow(2, "unknown command", "frobnicate")]
    [DataRow(2, "takes a NAME and a FILE", "upload", "x")]
    [DataRow(2, "is no name of a model", "progress", "a/b")]
    [DataRow(2, "a value is missing", "progress", "a", "-n")]
    [DataRow(1, "is no file that can be read", "upload", "x", "/nonexistent")]
    [DataRow(1, "Model default/nothing does not exist", "progress", "nothing")]
    [DataRow(1, "Model default/nothing does not exist", "upload", "nothing", "/etc/hostname", "--no-create")]
    [DataRow(1, "no extension that can be uploaded", "upload", "named", "/etc/hostname")]
    [DataRow(1, "context", "catalog", "--context", "nowhere")]
    [DataRow(1, "Model other/nothing does not exist", "progress", "nothing", "--namespace=other")]
    [DataRow(2, "want whole numbers", "upload", "x", "/etc/hostname", "--piece=abc")]
    public async Task Plugin_ThatCannot_SaysWhy(int code, string message, params string[] arguments)
    {
        CommandResult result = await PluginAsync(arguments);

        Assert.AreEqual(code, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, message);
        StringAssert.StartsWith(result.Error.TrimEnd().Split('\n')[^1], "error: ");
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    [DataRow("")]
    [DataRow("upload")]
    [DataRow("progress")]
    [DataRow("catalog")]
    [DataRow("tree")]
    public async Task Plugin_Help_IsOnStandardOutput(string command) =>
        StringAssert.Contains((await PluginAsync(command.Length > 0 ? [command, "--help"] : ["--help"])).Succeeded(), "usage: kubectl models " + command);

    private static string ApiPath(string model) => $"/apis/ai.deckhouse.io/v1alpha1/namespaces/default/models/{model}/upload";

    private static async Task<string> FileAsync(string name, int size)
    {
        await File.WriteAllBytesAsync(_folder[name], ModelFiles.Gguf(size, seed: size));
        return _folder[name];
    }

    private Task<string> SubresourceAsync(string subresource) => _cluster.KubectlAsync(Cancelled, "get", "model", "table", "--subresource=" + subresource);

    /// <summary>kubectl models …: the real kubectl, which finds the plugin in PATH.</summary>
    private Task<CommandResult> PluginAsync(params string[] arguments) =>
        CommandResult.RunAsync("kubectl", ["models", .. arguments], Cancelled, new Dictionary<string, string>(_cluster.Environment) { ["PATH"] = PluginPath });

    private static string PluginPath => Checkout.File("apiserver/KubectlPlugin") + ":" + Environment.GetEnvironmentVariable("PATH");

    /// <summary>An upload that takes seconds whatever the machine, because its curl sends two megabytes a second, in pieces of one.</summary>
    private static Process StartSlowUpload(string model, string file)
    {
        string tools = Directory.CreateDirectory(_folder["slow"]).FullName, curl = Path.Combine(tools, "curl");
        if (!File.Exists(curl))
        {
            File.WriteAllText(curl, $"#!/bin/sh\nPATH={Environment.GetEnvironmentVariable("PATH")} exec curl --limit-rate 2M \"$@\"\n");
            File.SetUnixFileMode(curl, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        var start = new ProcessStartInfo("kubectl", ["models", "upload", model, file, "--piece", "1"]) { RedirectStandardError = true };
        start.Environment["PATH"] = $"{tools}:{PluginPath}";
        foreach ((string name, string value) in _cluster.Environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits until the first bytes of an upload are stored for good.</summary>
    private Task OffsetAsync(string model) => Eventually.GetAsync(
        async () => (long?)JsonNode.Parse((await _cluster.TryKubectlAsync(Cancelled, "get", "--raw", ApiPath(model))) is { ExitCode: 0 } got ? got.Output : "{}")!["status"]?["offsetBytes"] ?? 0,
        offset => offset > 0, $"bytes of {model} are stored", Cancelled);

    /// <summary>tus through the host's API, as its administrator.</summary>
    private async Task<(int Code, string Output)> CurlAsync(string method, string model, params string[] options)
    {
        string pki = Path.Combine(_cluster.Data, "pki");
        CommandResult result = await CommandResult.RunAsync(
            "curl",
            [
                "-sS", "-X", method, "--cacert", Path.Combine(pki, "ca.crt"), "--cert", Path.Combine(pki, "admin.crt"), "--key", Path.Combine(pki, "admin.key"),
                "-H", "Tus-Resumable: 1.0.0", "-H", "Expect:", "-w", "\n%{http_code}", .. options, $"https://127.0.0.1:{_cluster.Port}{ApiPath(model)}",
            ],
            Cancelled);
        int end = result.Output.LastIndexOf('\n');
        return (int.Parse(result.Output[(end + 1)..], CultureInfo.InvariantCulture), result.Output[..end]);
    }
}
