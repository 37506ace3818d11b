using System.Text.Json.Nodes;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AiModels.Controllers.Tests.Delivery.NodeCache;

/// <summary>When the nodes' caches are known.</summary>
[TestClass]
public sealed class NodeCachesTests
{
    private readonly InMemoryKubernetes _cluster = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task All_WhenControllersBegin_KnowsTheNodesAlthoughTheFirstListFailed()
    {
        await _cluster.CreateAsync(
            ResourceTypes.NodeModelCaches,
            new JsonObject { ["metadata"] = new JsonObject { ["name"] = "a" }, ["status"] = new JsonObject { ["capacityBytes"] = 1 } },
            null,
            TestContext.CancellationToken);
        int failures = 1;
        _cluster.Fault = call => call == "list nodemodelcaches" && Interlocked.Decrement(ref failures) >= 0 ? new KubernetesApiException(503, "ServiceUnavailable", "starting") : null;
        await using ServiceProvider services = Delivery(NodeCacheMode.ModeName);
        await services.GetRequiredService<Informers>().WhenSyncedAsync(TestContext.CancellationToken); // as controllers do before their first reconciliation
        Assert.AreEqual("a", services.GetRequiredService<INodeCaches>().All.Single().Node);
        await services.GetRequiredService<Informers>().StopAsync(TestContext.CancellationToken);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task All_OfSharedClaims_IsNotWaitedFor()
    {
        _cluster.Fault = call => call == "list nodemodelcaches" ? new KubernetesApiException(403, "Forbidden", "not yours") : null;
        await using ServiceProvider services = Delivery("SharedPVC");
        await services.GetRequiredService<Informers>().WhenSyncedAsync(TestContext.CancellationToken);
        await services.GetRequiredService<Informers>().StopAsync(TestContext.CancellationToken);
    }

    /// <summary>Delivery with its informers running, but none of its controllers.</summary>
    private ServiceProvider Delivery(string type)
    {
        ServiceProvider services = new ServiceCollection().AddLogging().AddSingleton<IKubernetesClient>(_cluster).AddDelivery(new DeliveryOptions { Type = type }).BuildServiceProvider();
        _ = services.GetServices<IHostedService>().ToArray(); // makes the controllers, which ask for what they watch
        _ = services.GetRequiredService<Informers>().StartAsync(TestContext.CancellationToken);
        return services;
    }
}
