using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AiModels.ApiMachinery.Schemas;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Dashboards and alerts ask for what there is: every metric and label they name is served by a running cluster in which a model was uploaded and delivered.</summary>
[TestClass]
public sealed partial class MonitoringTests
{
    // What Prometheus itself, or how it finds its targets, puts there.
    private static readonly string[] OfPrometheus = ["up", "job", "namespace", "pod", "node", "le"];

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(300_000, CooperativeCancellation = true)]
    public async Task DashboardsAndAlerts_EveryMetricAndLabel_IsServed()
    {
        await using RunningCluster cluster = await RunningCluster.StartAsync(Cancelled, "--delivery-type", "NodeCache", "--capacity-limit", "1Gi");
        await DeliverAModelAsync(cluster);

        Dictionary<string, HashSet<string>> served = Served(await MetricsAsync(cluster));

        var missing = new List<string>();
        foreach ((string where, string expression) in Expressions())
        {
            string[] metrics = [.. Metric().Matches(expression).Select(match => match.Value).Distinct()];
            Assert.IsNotEmpty(metrics, $"{where}: {expression} names no metric");
            string[] names = [.. metrics.SelectMany(metric => served.GetValueOrDefault(metric) ?? []), .. OfPrometheus];
            missing.AddRange(metrics.Where(metric => !served.ContainsKey(metric) && !OfPrometheus.Contains(metric)).Select(metric => $"{where}: {metric}"));
            missing.AddRange(Labels(expression).Except(names).Select(label => $"{where}: the label {label} in {expression}"));
        }

        Assert.IsEmpty(missing, string.Join('\n', missing));
    }

    [TestMethod]
    public void Dashboards_FitTheirPlaces_AndHaveIdsOfTheirOwn()
    {
        var ids = new HashSet<string>();
        foreach (string file in Dashboards())
        {
            JsonNode dashboard = JsonNode.Parse(File.ReadAllText(file))!;
            Assert.IsTrue(ids.Add((string)dashboard["uid"]!), $"{file}: the uid is taken");
            StringAssert.Contains(File.ReadAllText(Checkout.File("manifests/dashboards/kustomization.yaml")), $"={Path.GetFileName(file)}]");
            var taken = new HashSet<(int, int)>();
            foreach (JsonNode? panel in dashboard["panels"]!.AsArray())
            {
                int x = (int)panel!["gridPos"]!["x"]!, y = (int)panel["gridPos"]!["y"]!, w = (int)panel["gridPos"]!["w"]!, h = (int)panel["gridPos"]!["h"]!;
                Assert.IsLessThanOrEqualTo(24, x + w, $"{file}: {panel["title"]} is outside");
                for (int cell = 0; cell < w * h; cell++) Assert.IsTrue(taken.Add((x + (cell % w), y + (cell / w))), $"{file}: {panel["title"]} lies on another panel");
            }
        }

        Assert.HasCount(5, ids, "overview, catalog objects, preparation, delivery, storage (requirement O2)");
    }

    private async Task DeliverAModelAsync(RunningCluster cluster)
    {
        (string url, string token) = await cluster.OpenUploadAsync("watched", Cancelled);
        (int status, string body) = await cluster.CurlUploadAsync(url, token, ModelFiles.Gguf(1 << 20), Cancelled);
        Assert.AreEqual(200, status, body);
        await cluster.WaitForPhaseAsync("watched", "Ready", Cancelled);
        (await cluster.ApplyAsync(A.Deployment("watcher", "watched"), Cancelled)).Succeeded();
        await cluster.RunningPodAsync("watcher", Cancelled);
    }

    // One process, one set of meters: the registry tells those of all components.
    private Task<string> MetricsAsync(RunningCluster cluster) => Eventually.GetAsync(
        async () => (await CommandResult.RunAsync("curl", ["-sSk", $"https://127.0.0.1:{cluster.Port + 2}/metrics"], Cancelled)).Succeeded(),
        text => text.Contains("aimodels_controllers_workloads{kind=\"Deployment\",state=\"Delivered\"} 1", StringComparison.Ordinal),
        "the workload is counted",
        Cancelled);

    /// <summary>Names of metrics with the labels of their series.</summary>
    private static Dictionary<string, HashSet<string>> Served(string metrics)
    {
        var served = new Dictionary<string, HashSet<string>>();
        foreach (Match line in Sample().Matches(metrics))
        {
            if (!served.TryGetValue(line.Groups["name"].Value, out HashSet<string>? labels)) served[line.Groups["name"].Value] = labels = [];
            labels.UnionWith(LabelOfSample().Matches(line.Groups["labels"].Value).Select(label => label.Groups["label"].Value));
        }

        return served;
    }

    private static IEnumerable<string> Labels(string expression) =>
        [.. Matcher().Matches(expression).Select(match => match.Groups["label"].Value), .. Grouping().Matches(expression).SelectMany(match => match.Groups["labels"].Value.Split(',', StringSplitOptions.TrimEntries))];

    private static IEnumerable<(string Where, string Expression)> Expressions()
    {
        foreach (string file in Dashboards())
            foreach (JsonNode? panel in JsonNode.Parse(File.ReadAllText(file))!["panels"]!.AsArray())
                foreach (JsonNode? target in panel!["targets"]!.AsArray())
                    yield return ($"{Path.GetFileName(file)}, {panel["title"]}", (string)target!["expr"]!);

        JsonObject rules = DocumentDecoder.DecodeYaml(Encoding.UTF8.GetBytes(File.ReadAllText(Checkout.File("manifests/components/monitoring/rules.yaml")))).Object!;
        foreach (JsonNode? rule in rules["spec"]!["groups"]!.AsArray().SelectMany(group => group!["rules"]!.AsArray()))
            yield return ((string)rule!["alert"]!, (string)rule["expr"]!);
    }

    private static string[] Dashboards() => [.. Directory.GetFiles(Checkout.File("manifests/dashboards"), "*.json").Order()];

    [GeneratedRegex(@"\b(?:(?:aimodels|apiserver|dotnet)_[a-z_]+|up)\b(?=[{\[) /]|$)", RegexOptions.ExplicitCapture)]
    private static partial Regex Metric();

    [GeneratedRegex(@"^(?<name>[a-z_:]+)(\{(?<labels>.*)\})? ", RegexOptions.ExplicitCapture | RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"(?<label>[a-z_]+)=""", RegexOptions.ExplicitCapture)]
    private static partial Regex LabelOfSample();

    [GeneratedRegex(@"(?<label>[a-z_]+)\s*[=!]~?""", RegexOptions.ExplicitCapture)]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\bby \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Grouping();
}
