using System.Diagnostics;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.Server;

/// <summary>Clients that know nothing of us: skopeo, oras and crane push and pull with a grant as their password.</summary>
[TestClass]
public class StockClientTests
{
    private const string Repo = "models/stock";

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Oras_PushAndPull_GivesTheSameFile()
    {
        RequireClient("oras");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        byte[] content = TestRegistry.RandomBytes(3_000_000);
        await File.WriteAllBytesAsync(folder.Combine("weights.bin"), content, TestContext.CancellationToken);
        string name = $"{new Uri(registry.Address).Authority}/{Repo}:v1";
        string grant = registry.Grant(Repo, "pull", "push");

        await RunAsync(folder.Path, "oras", "push", "--plain-http", "-u", "grant", "-p", grant, name, "weights.bin:application/octet-stream");
        await RunAsync(folder.Path, "oras", "pull", "--plain-http", "-u", "grant", "-p", grant, "-o", "out", name);
        CollectionAssert.AreEqual(content, await File.ReadAllBytesAsync(folder.Combine("out/weights.bin"), TestContext.CancellationToken));
        string tags = await RunAsync(folder.Path, "oras", "repo", "tags", "--plain-http", "-u", "grant", "-p", grant, name[..^3]);
        Assert.AreEqual("v1", tags.Trim());
    }

    [TestMethod]
    public async Task Skopeo_CopyInAndOut_KeepsTheDigest()
    {
        RequireClient("skopeo");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        Digest digest = await WriteImageLayoutAsync(folder.Combine("in"));
        string name = $"docker://{new Uri(registry.Address).Authority}/{Repo}:v1";
        string grant = "grant:" + registry.Grant(Repo, "pull", "push");

        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "copy", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", grant, "oci:in:v1", name);
        string seen = await RunAsync(folder.Path, "skopeo", "inspect", "--tls-verify=false", "--creds", grant, "--format", "{{.Digest}}", name);
        Assert.AreEqual(digest.ToString(), seen.Trim());
        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false", "--src-creds", grant, name, "oci:out:v1");
        Assert.IsTrue(File.Exists(folder.Combine($"out/blobs/sha256/{digest.Hex}")));
    }

    [TestMethod]
    public async Task Crane_WithoutAGrant_IsRefused()
    {
        RequireClient("crane");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        string name = $"{new Uri(registry.Address).Authority}/{Repo}";
        InvalidOperationException failure = await Assert.ThrowsExactlyAsync<InvalidOperationException>(() => RunAsync(folder.Path, "crane", "--insecure", "ls", name));
        StringAssert.Contains(failure.Message, "UNAUTHORIZED");
    }

    private protected virtual Task<TestRegistry> StartAsync() => TestRegistry.StartAsync(options => options.Anonymous = false);

    private static async Task<Digest> WriteImageLayoutAsync(string folder)
    {
        byte[] layer = TestRegistry.RandomBytes(500_000);
        byte[] config = System.Text.Encoding.UTF8.GetBytes($$$"""{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["{{{Digest.Sha256Of(layer)}}}"]}}""");
        byte[] manifest = TestRegistry.Image(
            image =>
            {
                image["config"] = TestRegistry.Descriptor("application/vnd.oci.image.config.v1+json", config);
                image["layers"]![0]!["mediaType"] = "application/vnd.oci.image.layer.v1.tar";
            },
            layer);
        Directory.CreateDirectory(Path.Combine(folder, "blobs/sha256"));
        foreach (byte[] content in new[] { layer, config, manifest })
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, "blobs/sha256", Digest.Sha256Of(content).Hex), content);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "index.json"),
            $$$"""{"schemaVersion":2,"manifests":[{"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{Digest.Sha256Of(manifest)}}}","size":{{{manifest.Length}}},"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}""");
        return Digest.Sha256Of(manifest);
    }

    private static void RequireClient(string name)
    {
        bool isInstalled = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, name)));
        if (!isInstalled)
        {
            Assert.Inconclusive($"{name} is not installed; hack/test.sh installs it where it may.");
        }
    }

    /// <summary>Runs a client to its end and returns what it printed.</summary>
    private async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = folder;
        start.Environment["XDG_RUNTIME_DIR"] = folder;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.CancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.CancellationToken);
        await process.WaitForExitAsync(TestContext.CancellationToken);
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await errors}{await output}");
    }
}
