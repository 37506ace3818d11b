using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Runtime;

[TestClass]
public sealed class EventRecorderTests
{
    private static readonly EventTarget Target = new("ai.deckhouse.io/v1alpha1", "Model", "ns", "bge-m3", "uid-1");

    private readonly InMemoryKubernetes _kubernetes = new();
    private readonly ManualClock _clock = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Record_TheSameWordsAgain_AreOneEventWithACount()
    {
        EventRecorder recorder = Recorder();
        await Record(recorder, "no space");
        await Record(recorder, "no space");
        Assert.AreEqual(1, Count(0));

        _clock.Advance(EventRecorder.QuietTime);
        await Record(recorder, "no space");
        await Record(recorder, "other words");

        Assert.HasCount(2, _kubernetes.All(ResourceTypes.Events));
        Assert.AreEqual(3, Count(0));
    }

    [TestMethod]
    public async Task Record_AfterARestart_CountsTheEventThatIsThere()
    {
        await Record(Recorder(), "no space");
        await Record(Recorder(), "no space");

        Assert.HasCount(1, _kubernetes.All(ResourceTypes.Events));
        Assert.AreEqual(2, Count(0));
    }

    [TestMethod]
    public async Task Record_WhenTheApiIsDown_DoesNotFailAndCountsLater()
    {
        EventRecorder recorder = Recorder();
        _kubernetes.Fault = _ => new HttpRequestException("down");
        await Record(recorder, "no space");
        _kubernetes.Fault = null;
        await Record(recorder, "no space");

        Assert.AreEqual(2, Count(0));
    }

    [TestMethod]
    public async Task Record_AboutAClusterScopedObject_GoesToTheNamespaceDefault()
    {
        await Recorder().RecordAsync(Target with { Namespace = null, Kind = "ClusterModel" }, EventType.Normal, "Ready", "done", TestContext.CancellationToken);

        JsonObject written = _kubernetes.All(ResourceTypes.Events)[0];
        Assert.AreEqual("default", (string?)written["metadata"]!["namespace"]);
        Assert.IsNull(written["involvedObject"]!["namespace"]);
    }

    private EventRecorder Recorder() => new(_kubernetes, _clock, NullLogger<EventRecorder>.Instance);

    private int Count(int index) => (int)_kubernetes.All(ResourceTypes.Events)[index]["count"]!;

    private Task Record(EventRecorder recorder, string message) =>
        recorder.RecordAsync(Target, EventType.Warning, "InsufficientStorage", message, TestContext.CancellationToken);
}
