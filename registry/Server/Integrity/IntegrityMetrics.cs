using System.Diagnostics.Metrics;

namespace AiModels.Registry.Integrity;

/// <summary>What the scrubber measures.</summary>
internal sealed class IntegrityMetrics
{
    private readonly Counter<long> _checked;
    private readonly Counter<long> _rotten;
    private long _missing;

    public IntegrityMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(RegistryMetrics.MeterName);
        _checked = meter.CreateCounter<long>("aimodels.registry.scrub.checked", "By", "Bytes that were read again and compared with their digest.");
        _rotten = meter.CreateCounter<long>("aimodels.registry.scrub.rotten", "{blob}", "Blobs whose bytes were no longer what their digest says.");
        // From zero on, so that the first of them is already an increase.
        _checked.Add(0);
        _rotten.Add(0);
        meter.CreateObservableGauge("aimodels.registry.scrub.missing", () => Interlocked.Read(ref _missing), "{blob}", "Blobs in quarantine that nobody has brought again.");
    }

    public void Checked(int bytes) => _checked.Add(bytes);

    /// <param name="isMissing">Whether it is missing since, and not whole again at once.</param>
    public void Rotten(bool isMissing)
    {
        _rotten.Add(1);
        Interlocked.Add(ref _missing, isMissing ? 1 : 0);
    }

    public void Missing(int count) => Interlocked.Exchange(ref _missing, count);
}
