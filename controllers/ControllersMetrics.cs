using System.Diagnostics.Metrics;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers;

/// <summary>What the controllers measure of preparation. Labels have few values: never the name of a model.</summary>
internal sealed class ControllersMetrics
{
    public const string MeterName = "aimodels.controllers";

    private readonly Counter<long> _preparations;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _duration;

    public ControllersMetrics(IMeterFactory meters, IPreparationWorkers workers)
    {
        Meter meter = meters.Create(MeterName);
        _preparations = meter.CreateCounter<long>("aimodels.controllers.preparations", "{model}", "Models that became Ready or Failed, by source, format and outcome (Ready, or the reason of the failure).");
        _bytes = meter.CreateCounter<long>("aimodels.controllers.prepared", "By", "Bytes of models that became Ready: logical, and as they are stored after compression.");
        _duration = meter.CreateHistogram<double>("aimodels.controllers.preparation.duration", "s", "From the start of a preparation to Ready or Failed, interruptions included.");
        meter.CreateObservableGauge("aimodels.controllers.preparation.waiting", () => workers.Load.Waiting, "{model}", "Models that wait for a free worker.");
        meter.CreateObservableGauge("aimodels.controllers.preparation.running", () => workers.Load.Running, "{model}", "Models that are being prepared.");
    }

    /// <summary>A model has settled.</summary>
    /// <param name="outcome">Ready, or one of the failing reasons.</param>
    /// <param name="duration">Null when another process began it.</param>
    public void Settled(string source, string outcome, PreparationResult? result, TimeSpan? duration)
    {
        KeyValuePair<string, object?> from = new("source", source);
        KeyValuePair<string, object?> ended = new("outcome", outcome);
        _preparations.Add(1, from, new("format", result?.Resolved.Format ?? "unknown"), ended);
        if (result is not null)
        {
            _bytes.Add(result.Artifact.SizeBytes, from, new("kind", "logical"));
            _bytes.Add(result.StoredBytes, from, new("kind", "stored"));
        }

        if (duration is { } elapsed)
        {
            _duration.Record(elapsed.TotalSeconds, from, ended);
        }
    }

    /// <summary>One of <see cref="SourceTypes"/>, from the spec: a failed model may never have been resolved.</summary>
    public static string SourceOf(ClusterModelSource source) => source switch
    {
        { Upload: not null } => SourceTypes.Upload,
        { Catalog: not null } => SourceTypes.Catalog,
        { Url: { } url } when url.Contains("ollama.com", StringComparison.Ordinal) => SourceTypes.Ollama,
        _ => SourceTypes.HuggingFace,
    };
}
