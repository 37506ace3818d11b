using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace AiModels.Hosting.Metrics;

/// <summary>Kinds of metrics in the Prometheus text format.</summary>
internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>All time series of one instrument, under its Prometheus name.</summary>
internal sealed class MetricFamily
{
    // A label that turns out to have unbounded values must not eat the memory: what comes after this many series is counted in one.
    private const int SeriesLimit = 2000;

    private static readonly TagSet Overflow = new([new("overflow", "true")]);

    // The buckets OpenTelemetry recommends for durations in seconds, then those for plain numbers.
    private static readonly double[] SecondsBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
    private static readonly double[] PlainBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];

    private readonly ConcurrentDictionary<TagSet, MetricSeries> _series = new(new TagSet.Comparer());
    private readonly ConcurrentDictionary<TagSet, MetricSeries>.AlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>> _lookup;
    private readonly bool _isAbsolute;
    private Known? _last;

    public MetricFamily(Instrument instrument)
    {
        Type definition = instrument.GetType().GetGenericTypeDefinition();
        Kind = definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>) ? MetricKind.Counter
            : definition == typeof(Histogram<>) ? MetricKind.Histogram
            : MetricKind.Gauge;
        _isAbsolute = instrument.IsObservable || definition == typeof(Gauge<>);
        Name = NameOf(instrument.Name, instrument.Unit ?? "", Kind);
        Help = instrument.Description ?? "";
        Bounds = Kind == MetricKind.Histogram ? BoundsOf(instrument) : [];
        _lookup = _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
    }

    public string Name { get; }
    public string Help { get; }
    public MetricKind Kind { get; }
    public double[] Bounds { get; }
    public IEnumerable<KeyValuePair<TagSet, MetricSeries>> Series => _series;

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        MetricSeries series = _last is { } last && last.Tags.IsSame(tags) ? last.Series : Find(tags);
        if (Kind == MetricKind.Histogram) series.Record(value);
        else if (_isAbsolute) series.Set(value);
        else series.Add(value);
    }

    /// <summary>An observable instrument tells all of its series each time; those it no longer tells are gone.</summary>
    public void Forget()
    {
        _series.Clear();
        _last = null;
    }

    /// <summary>aimodels.registry.blob.size (By, histogram) becomes aimodels_registry_blob_size_bytes.</summary>
    internal static string NameOf(string name, string unit, MetricKind kind)
    {
        var text = new StringBuilder(name.Length + 16);
        foreach (char c in name) text.Append(char.IsAsciiLetterOrDigit(c) || c == ':' ? c : '_');
        string suffix = unit switch
        {
            "s" => "seconds",
            "ms" => "milliseconds",
            "By" => "bytes",
            "By/s" => "bytes_per_second",
            "%" => "percent",
            "1" when kind == MetricKind.Gauge => "ratio",
            _ => "",
        };
        if (suffix.Length > 0 && !text.ToString().EndsWith("_" + suffix, StringComparison.Ordinal)) text.Append('_').Append(suffix);
        if (kind == MetricKind.Counter && !text.ToString().EndsWith("_total", StringComparison.Ordinal)) text.Append("_total");
        return text.ToString();
    }

    // What is measured a hundred thousand times a second, as events to watchers, has the same labels each time: then nothing is hashed.
    private MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!_lookup.TryGetValue(tags, out TagSet? key, out MetricSeries? series))
        {
            key = _series.Count < SeriesLimit ? new TagSet(tags.ToArray()) : Overflow;
            series = _series.GetOrAdd(key, _ => new MetricSeries(Bounds));
        }

        _last = new Known(key, series);
        return series;
    }

    private static double[] BoundsOf(Instrument instrument)
    {
        IReadOnlyList<double>? advised = instrument switch
        {
            Histogram<double> h => h.Advice?.HistogramBucketBoundaries,
            Histogram<long> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            Histogram<int> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            _ => null,
        };
        return advised is { Count: > 0 } ? [.. advised] : instrument.Unit == "s" ? SecondsBounds : PlainBounds;
    }

    private sealed record Known(TagSet Tags, MetricSeries Series);
}
