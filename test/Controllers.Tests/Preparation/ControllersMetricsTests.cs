using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Tests.Preparation.Formats;
using AiModels.TestKit;

namespace AiModels.Controllers.Tests.Preparation;

[TestClass]
[DoNotParallelize]
public sealed class ControllersMetricsTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Preparation_ReadyAndFailed_AreCountedBySourceFormatAndOutcome()
    {
        var seen = new ConcurrentBag<(string Name, double Value, string Tags)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter.Name == ControllersMetrics.MeterName)
            {
                own.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => seen.Add((instrument.Name, value, Text(tags))));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => seen.Add((instrument.Name, value, Text(tags))));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => seen.Add((instrument.Name, value, Text(tags))));
        listener.Start();

        await using PreparationWorld world = await PreparationWorld.StartAsync();
        await world.ReceiveAsync(await world.CreateUploadAsync("good"), "m.gguf", GgufFile.Vector);
        await world.WaitForPhaseAsync("good", Phases.Ready, TestContext.CancellationToken);
        await world.ReceiveAsync(await world.CreateUploadAsync("bad"), "m.gguf", GgufFile.Vector[..310]);
        await world.WaitForPhaseAsync("bad", Phases.Failed, TestContext.CancellationToken);

        await Has("aimodels.controllers.preparations", 1, "format=GGUF outcome=Ready source=Upload");
        await Has("aimodels.controllers.preparations", 1, "format=unknown outcome=PublicationFailed source=Upload");
        await Has("aimodels.controllers.prepared", GgufFile.Vector.Length, "kind=logical source=Upload");
        Assert.IsTrue(seen.Any(measured => measured.Name == "aimodels.controllers.preparation.duration" && measured.Value > 0));
        listener.RecordObservableInstruments();
        await Has("aimodels.controllers.preparation.waiting", 0, "");

        Task Has(string name, double value, string tags) => Eventually.GetAsync(
            () => Task.FromResult(seen.Contains((name, value, tags))), isThere => isThere, $"{name} {value} {tags} of {string.Join("; ", seen)}", TestContext.CancellationToken);
    }

    private static string Text(ReadOnlySpan<KeyValuePair<string, object?>> tags) => string.Join(' ', tags.ToArray().OrderBy(tag => tag.Key).Select(tag => $"{tag.Key}={tag.Value}"));
}
