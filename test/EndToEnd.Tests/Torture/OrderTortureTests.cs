using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests.Torture;

/// <summary>
/// Creates, deletes, fails and restarts models, workloads, Pods and the components in a random order (by seed) and looks at every Pod meanwhile. Afterwards everything is put in order, and then
/// every workload must have its models, and after that nothing may be left. AIMODELS_TORTURE_STEPS and AIMODELS_TORTURE_SEED change the run (hack/torture.sh, which takes a new order each time): here
/// the order is always the same, so that a run that fails says something of the change that it tests.
/// </summary>
[TestClass]
public sealed class OrderTortureTests
{
    private const int DefaultSteps = 14;
    private const int DefaultSeed = 1;

    // What can be away for a while; the API server and the registry are killed with the whole.
    private static readonly string[] Outages = ["controllers", "nodeagent", "csi-driver", "nodeagent,csi-driver", "registry"];

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [DataRow("SharedPVC")]
    [DataRow("NodeCache")]
    [Timeout(1_200_000, CooperativeCancellation = true)]
    public async Task Everything_InAnyOrder_EndsWithEveryModelInItsPlaceAndThenWithNothing(string deliveryType)
    {
        if (!Environment.IsPrivilegedProcess) Assert.Inconclusive("bind mounts need root");
        int seed = Setting("AIMODELS_TORTURE_SEED") ?? DefaultSeed;
        TestContext.WriteLine($"seed {seed}");
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", deliveryType);
        var models = new TortureModels(cluster, Cancelled);
        var workloads = new TortureWorkloads(cluster, Cancelled);
        var invariants = new PodInvariants(cluster, models, Cancelled);

        await StormAsync(cluster, models, workloads, invariants, new Random(seed));
        TestContext.WriteLine("everything is put in order");
        try
        {
            await SettleAsync(models, workloads, invariants);
            Assert.IsGreaterThan(0, invariants.Checked, "a Pod ran");
            await LeaveNothingAsync(cluster, models, workloads);
        }
        catch (TimeoutException)
        {
            // What is to be understood of a run of minutes is what it left: the cluster goes with the test.
            TestContext.WriteLine(await cluster.KubectlAsync(Cancelled, "get", "models,deployments,statefulsets,daemonsets,pods,jobs,persistentvolumeclaims,events", "-o", "wide"));
            TestContext.WriteLine(await cluster.KubectlAsync(Cancelled, "get", "pods,statefulsets,deployments,daemonsets,persistentvolumeclaims,jobs", "-o", "yaml"));
            throw;
        }
    }

    private async Task StormAsync(RunningCluster cluster, TortureModels models, TortureWorkloads workloads, PodInvariants invariants, Random random)
    {
        int steps = Setting("AIMODELS_TORTURE_STEPS") ?? DefaultSteps;
        for (int step = 0; step < steps; step++)
        {
            string model = TortureModels.Names[random.Next(TortureModels.Names.Count)];
            int workload = random.Next(TortureWorkloads.All.Count);
            int action = random.Next(100);
            TestContext.WriteLine($"step {step}: action {action}, {model}, {TortureWorkloads.All[workload].Name}");
            await (action switch
            {
                < 28 => models.PublishAsync(model, random.Next()),
                < 36 => models.DeleteAsync(model, waits: random.Next(2) == 0),
                < 40 => models.FailAsync(model),
                < 66 => workloads.ApplyAsync(workload, SomeModels(random)),
                < 74 => workloads.AnnotateAsync(workload, SomeModels(random)),
                < 80 => workloads.DeleteAsync(workload, waits: random.Next(2) == 0),
                < 90 => workloads.DeleteOnePodAsync(random),
                < 95 => KillAsync(cluster, invariants),
                _ => OutageAsync(cluster, invariants, workloads, Outages[random.Next(Outages.Length)], random),
            });
            await invariants.CheckAsync();
        }
    }

    /// <summary>With all models Ready every workload gets what it asks for, whatever happened to it before.</summary>
    private async Task SettleAsync(TortureModels models, TortureWorkloads workloads, PodInvariants invariants)
    {
        await models.MakeAllReadyAsync();
        for (int i = 0; i < TortureWorkloads.All.Count; i++) (await workloads.ApplyAsync(i, $"m{i},m{(i + 1) % TortureModels.Names.Count}")).Succeeded();
        for (int i = 0; i < TortureWorkloads.All.Count; i++)
        {
            string app = TortureWorkloads.All[i].Name;
            string[] wanted = [$"m{i}", $"m{(i + 1) % TortureModels.Names.Count}"];
            await Eventually.GetAsync(() => invariants.HasAsync(app, wanted), has => has, $"{app} runs with {string.Join(" and ", wanted)}", Cancelled, seconds: 180);
        }

        await invariants.CheckAsync();
    }

    private async Task LeaveNothingAsync(RunningCluster cluster, TortureModels models, TortureWorkloads workloads)
    {
        for (int i = 0; i < TortureWorkloads.All.Count; i++) await workloads.DeleteAsync(i, waits: true);
        foreach (string name in TortureModels.Names) await models.DeleteAsync(name, waits: true);
        await Eventually.GetAsync(
            () => cluster.KubectlAsync(Cancelled, "get", "models,pods,replicasets,jobs,persistentvolumeclaims,secrets,roles,rolebindings", "-o", "name"),
            left => left.Trim() is "" or "rolebinding.rbac.authorization.k8s.io/ai-models-controllers-namespace", // a part of the installation
            "nothing is left", Cancelled, seconds: 120);
        string[] mounts = [.. (await File.ReadAllLinesAsync("/proc/self/mountinfo", Cancelled)).Where(line => line.Contains(cluster.NodeRoot + "/", StringComparison.Ordinal))];
        Assert.IsEmpty(mounts, "no mount is left");
    }

    private async Task KillAsync(RunningCluster cluster, PodInvariants invariants)
    {
        cluster.Kill();
        invariants.Restarts();
        await cluster.UpAsync(Cancelled);
    }

    /// <summary>A component is away while a Pod is deleted and models are asked for; then it comes back.</summary>
    private async Task OutageAsync(RunningCluster cluster, PodInvariants invariants, TortureWorkloads workloads, string components, Random random)
    {
        await cluster.DownAsync(Cancelled);
        invariants.Restarts();
        await cluster.UpAsync(Cancelled, "--without", components);
        await workloads.DeleteOnePodAsync(random);
        await workloads.AnnotateAsync(random.Next(TortureWorkloads.All.Count), SomeModels(random));
        await cluster.DownAsync(Cancelled);
        invariants.Restarts();
        await cluster.UpAsync(Cancelled);
    }

    private static string SomeModels(Random random)
    {
        int first = random.Next(TortureModels.Names.Count), second = random.Next(TortureModels.Names.Count);
        return first == second ? TortureModels.Names[first] : $"{TortureModels.Names[first]},{TortureModels.Names[second]}";
    }

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out int value) ? value : null;
}
