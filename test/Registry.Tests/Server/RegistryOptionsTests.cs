using AiModels.Hosting.CommandLine;

namespace AiModels.Registry.Tests.Server;

[TestClass]
public sealed class RegistryOptionsTests
{
    [TestMethod]
    [DataRow("--storage is required", "--anonymous")]
    [DataRow("--storage: 's3' is not folder:DIR", "--storage", "s3", "--anonymous")]
    [DataRow("--anonymous is allowed on loopback only", "--storage", "folder:/x", "--anonymous", "--listen", "http://0.0.0.0:5000")]
    [DataRow("--anonymous is allowed on loopback only", "--storage", "folder:/x", "--anonymous", "--listen", "http://127.0.0.1:5000", "--listen", "http://[::]:5000")]
    [DataRow("--listen: 'ftp://x:1' is not", "--storage", "folder:/x", "--anonymous", "--listen", "ftp://x:1")]
    [DataRow("--listen: 'http://127.0.0.1:99999' is not", "--storage", "folder:/x", "--anonymous", "--listen", "http://127.0.0.1:99999")]
    [DataRow("--grant-keys is required", "--storage", "folder:/x")]
    [DataRow("--tls-cert-file and --tls-private-key-file belong together", "--storage", "folder:/x", "--anonymous", "--tls-cert-file", "c.pem")]
    [DataRow("unknown option '--bogus'", "--bogus")]
    public async Task Serve_BadOption_IsOneLineAndCode2(string expected, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        bool isStarted = false;
        int code = await new CommandLineApplication("registry", "")
            .Verb<RegistryOptions>("serve", "", (_, _) => Task.FromResult(Convert.ToInt32(isStarted = true)))
            .With(_ => null, output, error)
            .RunAsync(["serve", .. arguments]);
        Assert.AreEqual(2, code);
        Assert.IsFalse(isStarted);
        StringAssert.Contains(error.ToString(), expected);
        Assert.AreEqual(1, error.ToString().TrimEnd('\n').Split('\n').Length);
    }

    [TestMethod]
    public async Task Serve_PortInUse_IsABadOption()
    {
        await using TestRegistry other = await TestRegistry.StartAsync();
        using var folder = new TemporaryFolder();
        var options = new RegistryOptions { Listen = [other.Address], Storage = "folder:" + folder.Combine("store"), Anonymous = true };
        BadOptionException failure = await Assert.ThrowsExactlyAsync<BadOptionException>(() => RegistryProgram.ServeAsync(options, CancellationToken.None));
        StringAssert.StartsWith(failure.Message, "--listen:");
    }

    [TestMethod]
    [DataRow("http://127.0.0.1:5000", true)]
    [DataRow("https://[::1]:5000", true)]
    [DataRow("http://localhost:0", true)]
    [DataRow("unix:///run/registry.sock", true)]
    [DataRow("https://0.0.0.0:5000", false)]
    [DataRow("https://10.1.2.3:443/", false)]
    public void Listen_Addresses_KnowWhetherTheyAreLocal(string text, bool isLocal)
    {
        Assert.IsTrue(ListenAddress.TryParse(text, out ListenAddress? address));
        Assert.AreEqual(isLocal, address.IsLocal);
    }
}
