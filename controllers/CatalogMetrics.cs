using System.Diagnostics.Metrics;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Runtime;

namespace AiModels.Controllers;

/// <summary>
/// What the cluster holds: models, and the workloads that ask for them. Each replica tells the same, from its informers' caches. Labels have few values, never the name of an
/// object.
/// </summary>
internal sealed class CatalogMetrics(IMeterFactory meters)
{
    private const string Unknown = "Unknown";

    private readonly Meter _meter = meters.Create(ControllersMetrics.MeterName);

    /// <summary>Publishes the models; called once.</summary>
    public void ObserveModels(Func<IEnumerable<ModelFact>> models)
    {
        _meter.CreateObservableGauge("aimodels.controllers.models", () => Count(models(), Labels), "{model}", "Models and ClusterModels, by phase, source and format.");
        _meter.CreateObservableGauge("aimodels.controllers.models.size", () => Sizes(models()), "By", "Bytes of the files of all Ready models, each model counted by itself.");
        _meter.CreateObservableGauge(
            "aimodels.controllers.models.damaged", () => models().Count(IsDamaged), "{model}", "Models whose content the registry has lost in part, and that could not be fetched again yet.");
    }

    /// <summary>Publishes the workloads of all kinds; called once.</summary>
    public void ObserveWorkloads(IReadOnlyList<(WorkloadKind Kind, Informer<WorkloadSummary> Informer)> workloads) =>
        _meter.CreateObservableGauge(
            "aimodels.controllers.workloads",
            () => workloads.SelectMany(kind => Count(
                kind.Informer.List().Where(workload => !workload.References.IsEmpty),
                workload => [new("kind", kind.Kind.Type.Kind), new("state", workload.State)])),
            "{workload}",
            "Workloads that ask for models, by kind and state (Pending, Held or Delivered).");

    private static KeyValuePair<string, object?>[] Labels(ModelFact model) =>
    [
        new("kind", model.Reference.Kind),
        new("phase", model.IsDeleting ? Phases.Deleting : model.Status?.Phase ?? Phases.Pending),
        new("source", model.Status?.Source?.ResolvedType ?? Unknown),
        new("format", model.Status?.Resolved?.Format ?? Unknown),
    ];

    private static IEnumerable<Measurement<long>> Sizes(IEnumerable<ModelFact> models) => models
        .Where(model => model.IsReady)
        .GroupBy(model => (model.Reference.Kind, Format: model.Status?.Resolved?.Format ?? Unknown))
        .Select(group => new Measurement<long>(group.Sum(model => model.SizeBytes), new KeyValuePair<string, object?>("kind", group.Key.Kind), new("format", group.Key.Format)));

    private static IEnumerable<Measurement<int>> Count<T>(IEnumerable<T> things, Func<T, KeyValuePair<string, object?>[]> labels) => things
        .Select(labels)
        .GroupBy(values => string.Join('/', values.Select(value => value.Value)))
        .Select(group => new Measurement<int>(group.Count(), group.First()));

    private static bool IsDamaged(ModelFact model) =>
        model.Status?.Conditions?.Any(condition => condition is { Type: ConditionTypes.Intact, Status: "False" }) == true;
}
