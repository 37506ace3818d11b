using System.Diagnostics.Metrics;
using AiModels.Hosting.Metrics;

namespace AiModels.ApiServer.Tests.Hosting;

[TestClass]
public sealed class PrometheusExporterTests
{
    [TestMethod]
    public void Write_EveryKind_FollowsTheTextFormat()
    {
        using PrometheusExporter exporter = PrometheusExporter.For("test.kinds");
        using var meter = new Meter("test.kinds");
        Counter<long> pushed = meter.CreateCounter<long>("aimodels.test.pushed", "By", "Bytes pushed.");
        pushed.Add(3, new KeyValuePair<string, object?>("result", "a\"b\\"));
        pushed.Add(4, new KeyValuePair<string, object?>("result", "a\"b\\"));
        UpDownCounter<int> open = meter.CreateUpDownCounter<int>("aimodels.test.open", "{upload}");
        open.Add(2);
        open.Add(-1);
        Histogram<double> duration = meter.CreateHistogram("aimodels.test.duration", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (double value in (double[])[0.1, 0.5, 2]) duration.Record(value);
        meter.CreateObservableGauge("aimodels.test.used", () => 42L, "By");

        Assert.AreEqual(
            """
            # TYPE aimodels_test_duration_seconds histogram
            aimodels_test_duration_seconds_bucket{le="0.1"} 1
            aimodels_test_duration_seconds_bucket{le="1"} 2
            aimodels_test_duration_seconds_bucket{le="+Inf"} 3
            aimodels_test_duration_seconds_sum 2.6
            aimodels_test_duration_seconds_count 3
            # TYPE aimodels_test_open gauge
            aimodels_test_open 1
            # HELP aimodels_test_pushed_bytes_total Bytes pushed.
            # TYPE aimodels_test_pushed_bytes_total counter
            aimodels_test_pushed_bytes_total{result="a\"b\\"} 7
            # TYPE aimodels_test_used_bytes gauge
            aimodels_test_used_bytes 42

            """,
            exporter.Write());
    }

    [TestMethod]
    public void Record_EqualLabelsOfOtherObjects_CountInOneSeries()
    {
        using PrometheusExporter exporter = PrometheusExporter.For("test.equal");
        using var meter = new Meter("test.equal");
        Counter<long> counter = meter.CreateCounter<long>("watched");
        foreach (string value in (string[])["a", "a", new string('a', 1), "b", "a"]) counter.Add(1, new KeyValuePair<string, object?>("resource", value));
        string text = exporter.Write();
        StringAssert.Contains(text, "watched_total{resource=\"a\"} 4");
        StringAssert.Contains(text, "watched_total{resource=\"b\"} 1");
    }

    [TestMethod]
    public void Record_UnboundedLabel_EndsInOneOverflowSeries()
    {
        using PrometheusExporter exporter = PrometheusExporter.For("test.overflow");
        using var meter = new Meter("test.overflow");
        Counter<long> counter = meter.CreateCounter<long>("many");
        for (int i = 0; i < 3000; i++) counter.Add(1, new KeyValuePair<string, object?>("name", i));
        string text = exporter.Write();
        StringAssert.Contains(text, "many_total{overflow=\"true\"} 1000");
    }
}
