using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace AiModels.Hosting.Metrics;

/// <summary>
/// Collects the process's meters and writes them in the Prometheus text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). Ours, because OpenTelemetry's exporter cannot be restored where this is built.
/// One for the process: meters are process-wide, also when several components live in it.
/// </summary>
public sealed class PrometheusExporter : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly string[] Meters = ["aimodels", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime"];

    private readonly ConcurrentDictionary<Instrument, MetricFamily> _families = new();
    private readonly MeterListener _listener = new();
    private readonly Lock _scrape = new();

    private PrometheusExporter(IReadOnlyList<string> meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (meters.Any(m => instrument.Meter.Name.StartsWith(m, StringComparison.OrdinalIgnoreCase)))
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, i => new MetricFamily(i)));
        };
        _listener.MeasurementsCompleted = (instrument, _) => _families.TryRemove(instrument, out MetricFamily? _);
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => ((MetricFamily)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => ((MetricFamily)family!).Record((double)value, tags));
        _listener.Start();
    }

    /// <summary>The process's exporter.</summary>
    public static PrometheusExporter Process { get; } = new(Meters);

    /// <summary>An exporter for meters whose names start with one of these, for tests.</summary>
    internal static PrometheusExporter For(params string[] meters) => new(meters);

    /// <summary>Reads the observable instruments and writes everything.</summary>
    public string Write()
    {
        lock (_scrape)
        {
            foreach ((Instrument instrument, MetricFamily family) in _families)
                if (instrument.IsObservable) family.Forget();
            _listener.RecordObservableInstruments();
            var text = new StringBuilder(16 * 1024);
            // The same instrument may exist once per component of the process; its series then share one family.
            foreach (var group in _families.Values.GroupBy(f => f.Name).OrderBy(g => g.Key, StringComparer.Ordinal)) WriteFamily(text, [.. group]);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private static void WriteFamily(StringBuilder text, IReadOnlyList<MetricFamily> families)
    {
        MetricFamily first = families[0];
        var lines = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var histograms = new SortedDictionary<string, (double Sum, long Count, long[] Buckets)>(StringComparer.Ordinal);
        foreach (MetricFamily family in families.Where(f => f.Kind == first.Kind && f.Bounds.AsSpan().SequenceEqual(first.Bounds)))
        {
            foreach ((TagSet tags, MetricSeries series) in family.Series)
            {
                (double value, long count, long[] buckets) = series.Snapshot();
                string labels = Labels(tags.Tags);
                if (first.Kind != MetricKind.Histogram) lines[labels] = lines.GetValueOrDefault(labels) + value;
                else if (histograms.TryGetValue(labels, out var old)) histograms[labels] = (old.Sum + value, old.Count + count, [.. old.Buckets.Zip(buckets, (a, b) => a + b)]);
                else histograms[labels] = (value, count, buckets);
            }
        }

        if (lines.Count + histograms.Count == 0) return;
        if (first.Help.Length > 0) text.Append("# HELP ").Append(first.Name).Append(' ').Append(Escape(first.Help, quotes: false)).Append('\n');
        text.Append("# TYPE ").Append(first.Name).Append(' ').Append(first.Kind.ToString().ToLowerInvariant()).Append('\n');
        foreach ((string labels, double value) in lines) WriteLine(text, first.Name, labels, value);
        foreach ((string labels, var histogram) in histograms) WriteHistogram(text, first, labels, histogram);
    }

    private static void WriteHistogram(StringBuilder text, MetricFamily family, string labels, (double Sum, long Count, long[] Buckets) histogram)
    {
        long cumulative = 0;
        string separator = labels.Length > 0 ? "," : "";
        for (int i = 0; i < histogram.Buckets.Length; i++)
        {
            cumulative += histogram.Buckets[i];
            string bound = i < family.Bounds.Length ? Number(family.Bounds[i]) : "+Inf";
            WriteLine(text, family.Name + "_bucket", $"{labels}{separator}le=\"{bound}\"", cumulative);
        }

        WriteLine(text, family.Name + "_sum", labels, histogram.Sum);
        WriteLine(text, family.Name + "_count", labels, histogram.Count);
    }

    private static void WriteLine(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0) text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Labels(KeyValuePair<string, object?>[] tags) => string.Join(',', tags
        .OrderBy(t => t.Key, StringComparer.Ordinal)
        .Select(t => $"{MetricFamily.NameOf(t.Key, "", MetricKind.Gauge)}=\"{Escape(Convert.ToString(t.Value, CultureInfo.InvariantCulture) ?? "", quotes: true)}\""));

    private static string Escape(string value, bool quotes)
    {
        string escaped = value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
