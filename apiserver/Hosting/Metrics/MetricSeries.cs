namespace AiModels.Hosting.Metrics;

/// <summary>The value of one time series: a sum, a last value or a histogram.</summary>
internal sealed class MetricSeries(double[] bounds)
{
    private readonly long[] _buckets = new long[bounds.Length + 1];
    private readonly Lock _lock = new();
    private double _value;
    private long _count;

    public void Add(double delta)
    {
        lock (_lock) _value += delta;
    }

    public void Set(double value)
    {
        lock (_lock) _value = value;
    }

    /// <summary>Counts a measurement in its bucket: the first whose upper bound is not below it.</summary>
    public void Record(double value)
    {
        int index = Array.BinarySearch(bounds, value);
        lock (_lock)
        {
            _buckets[index < 0 ? ~index : index]++;
            _value += value;
            _count++;
        }
    }

    /// <summary>A consistent copy. Value is the sum of a histogram; buckets are not cumulative.</summary>
    public (double Value, long Count, long[] Buckets) Snapshot()
    {
        lock (_lock) return (_value, _count, [.. _buckets]);
    }
}
