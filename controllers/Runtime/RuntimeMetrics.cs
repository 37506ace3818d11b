using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace AiModels.Controllers.Runtime;

/// <summary>What the controllers measure of their own work: which of them run in this replica, what waits for them, and how often something failed.</summary>
internal sealed class RuntimeMetrics
{
    private readonly ConcurrentDictionary<string, Func<int>> _queues = [];
    private readonly ConcurrentDictionary<string, int> _active = [];
    private readonly Counter<long> _reconciliations;

    public RuntimeMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(ControllersMetrics.MeterName);
        _reconciliations = meter.CreateCounter<long>("aimodels.controllers.reconciliations", "{object}", "Objects looked at, by controller and outcome (done, again or failed).");
        meter.CreateObservableGauge("aimodels.controllers.queue", () => _queues.Select(queue => Of(queue.Key, queue.Value())), "{object}", "Objects that wait to be looked at, by controller.");
        meter.CreateObservableGauge("aimodels.controllers.active", () => _active.Select(controller => Of(controller.Key, controller.Value)), "{replica}", "1 where this replica runs the controller, 0 where it waits for its turn to lead.");
    }

    /// <summary>A controller of this process, which does not run yet.</summary>
    public void Observe(string controller, Func<int> waiting)
    {
        _queues[controller] = waiting;
        _active[controller] = 0;
    }

    /// <summary>The controller runs in this replica, or no longer does.</summary>
    public void Active(string controller, bool isActive) => _active[controller] = isActive ? 1 : 0;

    /// <summary>An object was looked at.</summary>
    public void Reconciled(string controller, string outcome) => _reconciliations.Add(1, new("controller", controller), new("outcome", outcome));

    private static Measurement<int> Of(string controller, int value) => new(value, new KeyValuePair<string, object?>("controller", controller));
}
