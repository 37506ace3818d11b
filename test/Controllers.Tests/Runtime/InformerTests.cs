using System.Text.Json.Nodes;
using System.Threading.Channels;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Runtime;

[TestClass]
public sealed class InformerTests : IDisposable
{
    private readonly InMemoryKubernetes _kubernetes = new();
    private readonly Channel<InformerChange<JsonObject>> _changes = Channel.CreateUnbounded<InformerChange<JsonObject>>();
    private readonly CancellationTokenSource _stop = new();

    public TestContext TestContext { get; set; } = null!;

    public void Dispose() => _stop.Dispose();

    [TestMethod]
    public async Task Run_ObjectsBeforeAndAfter_AreCachedIndexedAndReported()
    {
        await Create("first", "a");
        Informer<JsonObject> informer = Start();
        await informer.Synced.WaitAsync(TestContext.CancellationToken);
        Assert.AreEqual("first", (await Next()).Key.Name);

        await Create("second", "a");
        InformerChange<JsonObject> appeared = await Next();
        Assert.AreEqual(new NamespacedName("ns", "second"), appeared.Key);
        Assert.IsNull(appeared.Old);
        Assert.HasCount(2, informer.ByIndex("value", "a"));

        await _kubernetes.PatchAsync(
            ResourceTypes.ConfigMaps, "ns", "second", KubernetesPatch.Merge, Data("b"), null, null, TestContext.CancellationToken);
        InformerChange<JsonObject> changed = await Next();
        Assert.AreEqual("a", (string?)changed.Old!["data"]!["value"]);
        Assert.AreEqual("b", (string?)changed.New!["data"]!["value"]);
        Assert.HasCount(1, informer.ByIndex("value", "a"));

        await _kubernetes.DeleteAsync(ResourceTypes.ConfigMaps, "ns", "first", null, null, TestContext.CancellationToken);
        Assert.IsNull((await Next()).New);
        Assert.IsEmpty(informer.ByIndex("value", "a"));
        Assert.HasCount(1, informer.List());
        await _stop.CancelAsync();
    }

    [TestMethod]
    public async Task Run_HistoryTooOld_ListsAgainAndReportsWhatWentMeanwhile()
    {
        await Create("gone", "a");
        await Create("stays", "a");
        int watches = 0;
        _kubernetes.Fault = call =>
        {
            if (call != "watch configmaps" || ++watches > 1)
            {
                return null;
            }

            // Before the first watch begins the world changes and its history goes.
            _kubernetes.DeleteAsync(ResourceTypes.ConfigMaps, "ns", "gone", null, null, CancellationToken.None).GetAwaiter().GetResult();
            _kubernetes.Compact();
            return null;
        };

        Informer<JsonObject> informer = Start();
        await Next();
        await Next();
        InformerChange<JsonObject> third = await Next();
        while (third.New is not null)
        {
            third = await Next();
        }

        Assert.AreEqual("gone", third.Key.Name);
        Assert.HasCount(1, informer.List());
        await _stop.CancelAsync();
    }

    [TestMethod]
    public async Task Run_ObjectThatCannotBeDecoded_LeavesTheOthersAlone()
    {
        await Create("bad", "x");
        await Create("good", "a");
        var informer = new Informer<string>(
            _kubernetes, ResourceTypes.ConfigMaps, null, null, obj => (string?)obj["data"]!["value"] == "x" ? throw new FormatException("no") : "ok",
            TimeProvider.System, new Random(1), NullLogger.Instance);
        Task run = informer.RunAsync(_stop.Token);
        await informer.Synced.WaitAsync(TestContext.CancellationToken);

        Assert.HasCount(1, informer.List());
        await _stop.CancelAsync();
        await run;
    }

    private static JsonObject Data(string value) => new() { ["data"] = new JsonObject { ["value"] = value } };

    private Informer<JsonObject> Start()
    {
        var informer = new Informer<JsonObject>(
            _kubernetes, ResourceTypes.ConfigMaps, null, null, obj => obj, TimeProvider.System, new Random(1), NullLogger.Instance);
        informer.AddIndex("value", obj => [(string)obj["data"]!["value"]!]);
        informer.Subscribe(change => _changes.Writer.TryWrite(change));
        _ = informer.RunAsync(_stop.Token);
        return informer;
    }

    private ValueTask<InformerChange<JsonObject>> Next() => _changes.Reader.ReadAsync(TestContext.CancellationToken);

    private Task<JsonObject> Create(string name, string value)
    {
        JsonObject body = Data(value);
        body["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "ns" };
        return _kubernetes.CreateAsync(ResourceTypes.ConfigMaps, body, null, TestContext.CancellationToken);
    }
}
