namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Metrics under the names that dashboards and alerts of Kubernetes know.</summary>
[TestClass]
public sealed class MetricsTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(120_000)]
    public async Task H4_Metrics_HaveUpstreamsNamesAndLabels()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        CancellationToken cancelled = TestContext.CancellationToken;
        await server.CreateModelAsync("m", """{"upload":{}}""", cancelled);
        using HttpResponseMessage watch = await server.Admin.GetAsync(RunningServer.ModelPath("")[..^1] + "?watch=1&timeoutSeconds=1", cancelled);
        await watch.Content.ReadAsStringAsync(cancelled);
        using var apply = new HttpRequestMessage(HttpMethod.Patch, RunningServer.ModelPath("m") + "?fieldManager=x&dryRun=All")
        {
            Content = new StringContent("""{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"Model","metadata":{"name":"m"}}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/apply-patch+yaml")),
        };
        using HttpResponseMessage applied = await server.Admin.SendAsync(apply, cancelled);

        string metrics = await server.Admin.GetStringAsync("/metrics", cancelled);

        foreach (string expected in new[]
        {
            "apiserver_request_total{", "apiserver_request_duration_seconds_bucket{", "apiserver_request_sli_duration_seconds_bucket{", "apiserver_response_sizes_bucket{",
            "apiserver_current_inflight_requests{", "apiserver_longrunning_requests{", "apiserver_watch_events_total{", "apiserver_watch_events_sizes_bucket{",
            "apiserver_watch_list_duration_seconds_bucket{", "apiserver_tls_handshake_errors_total ",
        })
        {
            Assert.IsTrue(metrics.Contains("\n" + expected, StringComparison.Ordinal), expected);
        }

        string total = metrics.Split('\n').Single(line => line.StartsWith("apiserver_request_total{", StringComparison.Ordinal) && line.Contains("\"POST\"", StringComparison.Ordinal));
        foreach (string label in new[] { "verb=\"POST\"", "resource=\"models\"", "group=\"ai.deckhouse.io\"", "version=\"v1alpha1\"", "code=\"201\"", "dry_run=\"\"", "component=\"apiserver\"", "system_client=\"\"", "scope=\"namespace\"" })
        {
            StringAssert.Contains(total, label);
        }

        StringAssert.Contains(metrics, "verb=\"APPLY\"");
        StringAssert.Contains(metrics, "dry_run=\"All\"");
        StringAssert.Contains(metrics, "le=\"60\"");
    }
}
