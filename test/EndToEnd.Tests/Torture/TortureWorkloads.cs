using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests.Torture;

/// <summary>The workloads of a torture run: one of each kind that has Pods all the time, and a second Deployment that shares models with the first.</summary>
internal sealed class TortureWorkloads(RunningCluster cluster, CancellationToken cancellationToken)
{
    private const string Annotation = "ai.deckhouse.io/model";

    public static IReadOnlyList<(string Kind, string Name)> All { get; } = [("deployment", "w0"), ("statefulset", "w1"), ("daemonset", "w2"), ("deployment", "w3")];

    public Task<CommandResult> ApplyAsync(int index, string models) => cluster.ApplyAsync(Document(All[index].Kind, All[index].Name, models), cancellationToken);

    public Task AnnotateAsync(int index, string models) =>
        cluster.TryKubectlAsync(cancellationToken, "annotate", All[index].Kind, All[index].Name, "--overwrite", $"{Annotation}={models}");

    public Task DeleteAsync(int index, bool waits) => cluster.TryKubectlAsync(
        cancellationToken, "delete", All[index].Kind, All[index].Name, "--ignore-not-found", $"--wait={(waits ? "true" : "false")}", "--timeout=60s");

    public async Task DeleteOnePodAsync(Random random)
    {
        string[] pods = (await cluster.KubectlAsync(cancellationToken, "get", "pods", "-l", "torture=yes", "-o", "name")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (pods.Length > 0) await cluster.TryKubectlAsync(cancellationToken, "delete", pods[random.Next(pods.Length)], "--ignore-not-found", "--wait=false");
    }

    private static JsonObject Document(string kind, string name, string models)
    {
        var spec = new JsonObject
        {
            ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app"] = name } },
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["app"] = name, ["torture"] = "yes" } },
                ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "server", ["image"] = "server", ["command"] = new JsonArray("sleep", "infinity") }) },
            },
        };
        if (kind == "statefulset") spec["serviceName"] = name;
        if (kind != "daemonset") spec["replicas"] = 1;
        return new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = kind switch { "deployment" => "Deployment", "statefulset" => "StatefulSet", _ => "DaemonSet" },
            ["metadata"] = new JsonObject { ["name"] = name, ["annotations"] = new JsonObject { [Annotation] = models } },
            ["spec"] = spec,
        };
    }
}
