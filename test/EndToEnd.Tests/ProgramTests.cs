using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>What others script against: the executables' options and the names of hack/local-cluster.sh.</summary>
[TestClass]
public sealed class ProgramTests
{
    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [DataRow("apiserver", "", "--secure-port,--bind-address,--tls-cert-file,--tls-private-key-file,--kubeconfig,--authentication-kubeconfig,--authorization-kubeconfig,--storage,--data-dir")]
    [DataRow("registry", "serve", "--listen,--storage,--anonymous")]
    [DataRow("controllers", "run", "--kubeconfig,--registry")]
    [DataRow("nodeagent", "serve", "--listen")]
    [DataRow("nodeagent", "materialize", "--target")]
    [DataRow("csi-driver", "", "--endpoint,--node-id,--agent")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Program_Help_ListsItsOptions(string program, string verb, string options)
    {
        CommandResult help = await RunAsync(program, verb, "--help");
        Assert.AreEqual(0, help.ExitCode, help.Error);
        foreach (string option in options.Split(',')) StringAssert.Contains(help.Output, option);
    }

    [TestMethod]
    [DataRow("apiserver", "")]
    [DataRow("registry", "serve")]
    [DataRow("controllers", "run")]
    [DataRow("nodeagent", "serve")]
    [DataRow("nodeagent", "materialize")]
    [DataRow("csi-driver", "")]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Program_BadOption_ExitsTwoWithOneLine(string program, string verb)
    {
        CommandResult result = await RunAsync(program, verb, "--no-such-option", "x");
        Assert.AreEqual(2, result.ExitCode);
        Assert.AreEqual(1, result.Error.TrimEnd().Split('\n').Length, result.Error);
        StringAssert.Contains(result.Error, "--no-such-option");
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task LocalCluster_UpEnvStatusDown_KeepTheirPromises()
    {
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--without", "controllers,nodeagent,csi-driver");
        string env = (await cluster.ScriptAsync(["env", "--data", cluster.Data], Cancelled)).Succeeded();
        StringAssert.Contains(env, $"KUBECONFIG={cluster.Data}/kubeconfig\n");
        StringAssert.Contains(env, $"REGISTRY=https://127.0.0.1:{cluster.Port + 2}\n");
        StringAssert.Contains(env, $"NODE_ROOT={cluster.Data}/node\n");
        Assert.AreEqual(0, (await cluster.ScriptAsync(["status", "--data", cluster.Data], Cancelled)).ExitCode);

        await cluster.KubectlAsync(Cancelled, "create", "namespace", "kept");
        (await cluster.ScriptAsync(["down", "--data", cluster.Data], Cancelled)).Succeeded();
        Assert.AreEqual(3, (await cluster.ScriptAsync(["status", "--data", cluster.Data], Cancelled)).ExitCode);
        await cluster.UpAsync(Cancelled);
        StringAssert.Contains(await cluster.KubectlAsync(Cancelled, "get", "namespaces"), "kept");
    }

    private Task<CommandResult> RunAsync(string program, string verb, params string[] arguments) => CommandResult.RunAsync(
        Path.Combine(AppContext.BaseDirectory, program), [.. verb.Length > 0 ? new[] { verb } : [], .. arguments], Cancelled);
}
