using System.Diagnostics;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.Server;

/// <summary>Clients that know nothing of us: skopeo, oras and crane push and pull with a grant as their password.</summary>
[TestClass]
public class StockClientTests
{
    private const string Repo = "models/stock";
    private const string Other = "models/copied";
    private const string Mirror = "mirror/stock";

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
    public async Task Oras_AttachCopyTagAndDelete_KeepReferrersTogether()
    {
        RequireClient("oras");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        string host = LogIn(registry, folder);
        byte[] content = TestRegistry.RandomBytes(100_000);
        await File.WriteAllBytesAsync(folder.Combine("weights.bin"), content, TestContext.CancellationToken);
        await File.WriteAllTextAsync(folder.Combine("signature.txt"), "signed", TestContext.CancellationToken);

        await RunAsync(folder.Path, "oras", "push", "--plain-http", $"{host}/{Repo}:v1", "weights.bin:application/octet-stream");
        await RunAsync(folder.Path, "oras", "attach", "--plain-http", "--artifact-type", "example/signature", $"{host}/{Repo}:v1", "signature.txt:text/plain");
        await RunAsync(folder.Path, "oras", "blob", "push", "--plain-http", $"{host}/{Repo}", "signature.txt");
        await RunAsync(folder.Path, "oras", "copy", "--from-plain-http", "--to-plain-http", "-r", $"{host}/{Repo}:v1", $"{host}/{Other}:v2");
        await RunAsync(folder.Path, "oras", "tag", "--plain-http", $"{host}/{Other}:v2", "latest");

        string discovered = await RunAsync(folder.Path, "oras", "discover", "--plain-http", "--format", "json", $"{host}/{Other}:latest");
        StringAssert.Contains(discovered, "example/signature");
        await RunAsync(folder.Path, "oras", "blob", "fetch", "--plain-http", "--output", "fetched.bin", $"{host}/{Other}@{Digest.Sha256Of(content)}");
        CollectionAssert.AreEqual(content, await File.ReadAllBytesAsync(folder.Combine("fetched.bin"), TestContext.CancellationToken));
        await RunAsync(folder.Path, "oras", "manifest", "delete", "--plain-http", "-f", $"{host}/{Other}:v2");
        InvalidOperationException gone = await Assert.ThrowsExactlyAsync<InvalidOperationException>(() => RunAsync(folder.Path, "oras", "pull", "--plain-http", "-o", "out", $"{host}/{Other}:latest"));
        StringAssert.Contains(gone.Message, "not found");
    }

    [TestMethod]
    public async Task Crane_AppendValidateCopyAndDelete_Work()
    {
        RequireClient("crane");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        string host = LogIn(registry, folder);
        await WriteLayerAsync(folder);

        await RunAsync(folder.Path, "crane", "append", "--insecure", "-f", "layer.tar", "-t", $"{host}/{Repo}:1");
        await RunAsync(folder.Path, "crane", "validate", "--insecure", "--remote", $"{host}/{Repo}:1");
        await RunAsync(folder.Path, "crane", "copy", "--insecure", $"{host}/{Repo}:1", $"{host}/{Other}:2");
        await RunAsync(folder.Path, "crane", "pull", "--insecure", $"{host}/{Other}:2", "image.tar");
        await RunAsync(folder.Path, "crane", "push", "--insecure", "image.tar", $"{host}/{Other}:3");
        string digest = (await RunAsync(folder.Path, "crane", "digest", "--insecure", $"{host}/{Repo}:1")).Trim();
        Assert.AreEqual(digest, (await RunAsync(folder.Path, "crane", "digest", "--insecure", $"{host}/{Other}:2")).Trim());
        CollectionAssert.AreEqual(new[] { "2", "3" }, (await RunAsync(folder.Path, "crane", "ls", "--insecure", $"{host}/{Other}")).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        await RunAsync(folder.Path, "crane", "delete", "--insecure", $"{host}/{Other}@{digest}");
        InvalidOperationException gone = await Assert.ThrowsExactlyAsync<InvalidOperationException>(() => RunAsync(folder.Path, "crane", "digest", "--insecure", $"{host}/{Other}:2"));
        StringAssert.Contains(gone.Message, "404");
    }

    [TestMethod]
    public async Task Skopeo_SyncArchiveListAndDelete_Work()
    {
        RequireClient("skopeo");
        await using TestRegistry registry = await StartAsync();
        using var folder = new TemporaryFolder();
        string host = LogIn(registry, folder);
        await WriteImageLayoutAsync(folder.Combine("in"));

        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "oci:in:v1", $"docker://{host}/{Repo}:v1");
        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "sync", "--src-tls-verify=false", "--src", "docker", "--dest", "dir", $"{host}/{Repo}", "synced");
        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "sync", "--dest-tls-verify=false", "--src", "dir", "--dest", "docker", "synced", $"{host}/mirror");
        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", $"docker://{host}/{Mirror}:v1", "docker-archive:image.tar:stock:v1");
        await RunAsync(folder.Path, "skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "docker-archive:image.tar", $"docker://{host}/{Mirror}:v2");
        await RunAsync(folder.Path, "skopeo", "delete", "--tls-verify=false", $"docker://{host}/{Mirror}:v1");
        string tags = await RunAsync(folder.Path, "skopeo", "list-tags", "--tls-verify=false", $"docker://{host}/{Mirror}");
        StringAssert.Contains(tags, "v2");
        Assert.DoesNotContain("v1", tags);
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

    /// <summary>Puts a grant for all repositories of the test where the clients look for passwords. Returns the registry's host and port.</summary>
    private static string LogIn(TestRegistry registry, TemporaryFolder folder)
    {
        string host = new Uri(registry.Address).Authority;
        string[] all = ["pull", "push", "delete"];
        string grant = registry.Grant(TimeSpan.FromHours(1), "job/test/stock", (Repo, all), (Other, all), (Mirror, all));
        string credentials = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes("grant:" + grant));
        Directory.CreateDirectory(folder.Combine(".docker"));
        File.WriteAllText(folder.Combine(".docker/config.json"), $$$$"""{"auths":{"{{{{host}}}}":{"auth":"{{{{credentials}}}}"}}}""");
        return host;
    }

    private async Task WriteLayerAsync(TemporaryFolder folder)
    {
        await using FileStream file = File.Create(folder.Combine("layer.tar"));
        await using var tar = new System.Formats.Tar.TarWriter(file);
        await tar.WriteEntryAsync(
            new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "weights.bin") { DataStream = new MemoryStream(TestRegistry.RandomBytes(200_000)) },
            TestContext.CancellationToken);
    }

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
