using System.Diagnostics.Metrics;

namespace AiModels.Registry.Capacity;

/// <summary>How full the registry is, for dashboards and alerts. Namespaces are not labels: their number has no bound; <c>GET /capacity</c> lists them.</summary>
internal sealed class CapacityMetrics(IMeterFactory meters)
{
    public void Observe(CapacityLedger ledger)
    {
        Meter meter = meters.Create(RegistryMetrics.MeterName);
        Gauge("limit", statement => statement.LimitBytes, "What may be stored; absent without a limit.");
        Gauge("stored", statement => statement.StoredBytes, "Bytes of all blobs, each counted once.");
        Gauge("staged", statement => statement.StagedBytes, "Bytes of unfinished uploads.");
        Gauge("moving", statement => statement.MovingBytes, "Room of transfers that are under way.");
        Gauge("reserved", statement => statement.ReservedBytes, "Room that is promised and not used yet.");
        Gauge("free", statement => statement.LimitBytes is null ? null : statement.FreeBytes, "What is left of the limit; absent without a limit.");

        void Gauge(string name, Func<CapacityStatement, long?> value, string description) => meter.CreateObservableGauge(
            $"aimodels.registry.capacity.{name}",
            () => value(ledger.Describe(null)) is { } bytes ? [new Measurement<long>(bytes)] : Array.Empty<Measurement<long>>(),
            "By",
            description);
    }
}
