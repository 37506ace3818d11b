using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests;

/// <summary>What the controllers tell of the cluster and of their own work.</summary>
[TestClass]
public sealed class CatalogMetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ConcurrentBag<string> _seen = [];
    private readonly MeterListener _listener = new();

    public CatalogMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter.Scope == Meters) own.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => See(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => See(instrument, value, tags));
        _listener.Start();
    }

    public TestContext TestContext { get; set; } = null!;

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    [TestMethod]
    public void Models_AreCountedByPhaseSourceAndFormat_TheReadyOnesWithTheirBytes()
    {
        ModelFact ready = Fact("Model", Phases.Ready, size: 100, "GGUF", SourceTypes.Upload);
        ModelFact lost = ready with { Status = ready.Status! with { Conditions = [new Condition { Type = ConditionTypes.Intact, Status = "False", Reason = "ContentLost", Message = "", LastTransitionTime = DateTimeOffset.UnixEpoch }] } };
        new CatalogMetrics(Meters).ObserveModels(() => [ready, lost, Fact("ClusterModel", Phases.Failed), ready with { IsDeleting = true }, new ModelFact(new ModelReference("Model", "new"), "a", "uid-of-new", null, false)]);

        CollectionAssert.AreEquivalent(
            new[]
            {
                "models 2 kind=Model phase=Ready source=Upload format=GGUF",
                "models 1 kind=ClusterModel phase=Failed source=Unknown format=Unknown",
                "models 1 kind=Model phase=Deleting source=Upload format=GGUF",
                "models 1 kind=Model phase=Pending source=Unknown format=Unknown",
                "models.size 200 kind=Model format=GGUF",
                "models.damaged 1",
            },
            Observed());
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Workloads_ThatAskForModels_AreCountedByState()
    {
        var cluster = new InMemoryKubernetes();
        WorkloadKind kind = WorkloadKind.All.Single(known => known.Type.Kind == "Deployment");
        await Put("new", (Annotations.Model, "m"));
        await Put("held", (Annotations.Model, "m"), (Annotations.DeliveryMessage, "m is Pending"));
        await Put("kept", (Annotations.Model, "m"), (Annotations.ResolvedModels, "{}"), (Annotations.DeliveryMessage, "m is gone"));
        await Put("delivered", (Annotations.Model, "m"), (Annotations.ResolvedModels, "{}"));
        await Put("other", ("a", "b"));
        using var informers = new Informers(cluster, TimeProvider.System, new Random(1), NullLoggerFactory.Instance);
        Informer<WorkloadSummary> informer = informers.Get(kind.Type, document => WorkloadSummary.Of(kind, document));
        new CatalogMetrics(Meters).ObserveWorkloads([(kind, informer)]);
        await informers.StartAsync(TestContext.CancellationToken);
        await informer.Synced.WaitAsync(TestContext.CancellationToken);

        CollectionAssert.AreEquivalent(
            new[] { "workloads 1 kind=Deployment state=Pending", "workloads 2 kind=Deployment state=Held", "workloads 1 kind=Deployment state=Delivered" }, Observed());
        await informers.StopAsync(TestContext.CancellationToken);

        Task Put(string name, params (string Key, string Value)[] annotations) => cluster.CreateAsync(
            kind.Type,
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["name"] = name,
                    ["namespace"] = "a",
                    ["annotations"] = new JsonObject(annotations.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
                },
                ["spec"] = new JsonObject { ["template"] = new JsonObject { ["spec"] = new JsonObject() } },
            },
            null,
            TestContext.CancellationToken);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Controller_TellsWhetherItRunsHere_WhatWaits_AndHowItEnded()
    {
        var leadership = new HeldLeadership();
        using ServiceProvider provider = new ServiceCollection()
            .AddLogging().AddSingleton(Meters).AddSingleton<ILeadership>(leadership).AddSingleton<IKubernetesClient>(new InMemoryKubernetes()).AddSingleton<Fickle>()
            .AddController<string, Fickle>("fickle", workers: 1, (_, queue) => queue.Add("breaks once"))
            .BuildServiceProvider();
        var hosted = provider.GetServices<Microsoft.Extensions.Hosting.IHostedService>().ToList();
        foreach (var service in hosted) await service.StartAsync(TestContext.CancellationToken);

        await EventuallySeenAsync("queue 1 controller=fickle");
        await EventuallySeenAsync("active 0 controller=fickle");
        leadership.Lead.SetResult(CancellationToken.None);
        await EventuallySeenAsync("reconciliations 1 controller=fickle outcome=failed");
        await EventuallySeenAsync("reconciliations 1 controller=fickle outcome=done");
        await EventuallySeenAsync("queue 0 controller=fickle");
        await EventuallySeenAsync("active 1 controller=fickle");
        foreach (var service in hosted) await service.StopAsync(TestContext.CancellationToken);
    }

    private Task EventuallySeenAsync(string line) => Eventually.GetAsync(
        () => Task.FromResult<IReadOnlyList<string>>(Observed()), lines => lines.Contains(line), $"{line} is told", TestContext.CancellationToken);

    private string[] Observed()
    {
        _listener.RecordObservableInstruments();
        return [.. _seen];
    }

    private void See<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _seen.Add($"{instrument.Name["aimodels.controllers.".Length..]} {value}{string.Concat(tags.ToArray().Select(tag => $" {tag.Key}={tag.Value}"))}");

    private static ModelFact Fact(string kind, string phase, long size = 0, string? format = null, string? source = null) => new(
        new ModelReference(kind, "m"),
        kind == "Model" ? "a" : null,
        "uid",
        new ModelStatus
        {
            Phase = phase,
            Artifact = size == 0 ? null : new ModelArtifact { Digest = "sha256:" + new string('a', 64), Kind = "OCI", MediaType = "x", SizeBytes = size },
            Source = source is null ? null : new ResolvedSource { ResolvedType = source },
            Resolved = format is null ? null : new ResolvedModel { Format = format },
        },
        false);

    private sealed class HeldLeadership : ILeadership
    {
        public TaskCompletionSource<CancellationToken> Lead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<CancellationToken> AcquireAsync(CancellationToken cancellationToken) => Lead.Task.WaitAsync(cancellationToken);
    }

    private sealed class Fickle : IReconciler<string>
    {
        private int _calls;

        public Task<ReconcileResult> ReconcileAsync(string key, CancellationToken cancellationToken) =>
            _calls++ == 0 ? throw new InvalidOperationException(key) : Task.FromResult(ReconcileResult.Done);
    }
}
