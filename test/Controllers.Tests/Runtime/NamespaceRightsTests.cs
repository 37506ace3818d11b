using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using Moq;

namespace AiModels.Controllers.Tests.Runtime;

/// <summary>Requirement Q11: Secrets namespace by namespace, by a RoleBinding that everybody can see.</summary>
[TestClass]
public sealed class NamespaceRightsTests
{
    private readonly Mock<IKubernetesClient> _inner = new();
    private readonly List<JsonObject> _bindings = [];

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestInitialize]
    public void Answer() => _inner.Setup(c => c.CreateAsync(ResourceTypes.RoleBindings, It.IsAny<JsonObject>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
        .Callback((ResourceType _, JsonObject body, string? _, CancellationToken _) => _bindings.Add(body)).ReturnsAsync([]);

    [TestMethod]
    public async Task Secret_OfANamespace_IsReachedByOneBinding()
    {
        using var rights = new NamespaceRights(_inner.Object, TimeProvider.System);

        await rights.GetAsync(ResourceTypes.Secrets, "team-a", "x", Cancelled);
        await rights.GetAsync(ResourceTypes.Secrets, "team-a", "y", Cancelled);
        await rights.DeleteAsync(ResourceTypes.Roles, "team-a", "y", null, null, Cancelled);

        JsonObject binding = _bindings.Single();
        Assert.AreEqual("team-a", (string?)binding["metadata"]!["namespace"]);
        Assert.AreEqual(NamespaceRights.Role, (string?)binding["roleRef"]!["name"]);
        Assert.AreEqual(Namespaces.Module, (string?)binding["subjects"]![0]!["namespace"]);
    }

    [TestMethod]
    public async Task OtherKinds_AndTheModulesOwnNamespace_NeedNone()
    {
        using var rights = new NamespaceRights(_inner.Object, TimeProvider.System);

        await rights.GetAsync(ResourceTypes.Pods, "team-a", "x", Cancelled);
        await rights.GetAsync(ResourceTypes.Secrets, Namespaces.Module, "x", Cancelled);

        Assert.IsEmpty(_bindings);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Refusal_WhileTheBindingIsNotKnownEverywhere_IsTriedAgain()
    {
        int refused = 0;
        _inner.Setup(c => c.GetAsync(ResourceTypes.Secrets, "team-a", "x", It.IsAny<CancellationToken>())).Returns(() =>
            refused++ < 2 ? Task.FromException<JsonObject?>(new KubernetesApiException(403, "Forbidden", "no")) : Task.FromResult<JsonObject?>([]));
        using var rights = new NamespaceRights(_inner.Object, TimeProvider.System);

        Assert.IsNotNull(await rights.GetAsync(ResourceTypes.Secrets, "team-a", "x", Cancelled));
        Assert.HasCount(3, _bindings, "somebody may have taken it away");
    }

    [TestMethod]
    public async Task Binding_ThatIsRefused_SaysWhatToMake()
    {
        _inner.Setup(c => c.CreateAsync(ResourceTypes.RoleBindings, It.IsAny<JsonObject>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new KubernetesApiException(403, "Forbidden", "no"));
        using var rights = new NamespaceRights(_inner.Object, TimeProvider.System);

        var error = await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => rights.GetAsync(ResourceTypes.Secrets, "team-a", "x", Cancelled));

        StringAssert.Contains(error.Message, "bind the ClusterRole ai-models-controllers-namespace");
        StringAssert.Contains(error.Message, "d8-ai-models/ai-models-controllers");
    }

    [TestMethod]
    public async Task Binding_InANamespaceThatGoes_IsNotAskedForAgain()
    {
        _inner.Setup(c => c.DeleteAsync(ResourceTypes.Secrets, "team-a", "x", null, null, It.IsAny<CancellationToken>()))
            .ThrowsAsync(new KubernetesApiException(403, "Forbidden", "the binding went with the namespace"));
        using var rights = new NamespaceRights(_inner.Object, TimeProvider.System);
        _inner.SetupSequence(c => c.CreateAsync(ResourceTypes.RoleBindings, It.IsAny<JsonObject>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync([])
            .ThrowsAsync(KubernetesRefusals.NamespaceTerminating("rolebindings", "team-a"));

        var error = await Assert.ThrowsExactlyAsync<KubernetesApiException>(() => rights.DeleteAsync(ResourceTypes.Secrets, "team-a", "x", null, null, Cancelled));

        Assert.IsTrue(error.IsNamespaceTerminating);
        Assert.AreEqual(2, _inner.Invocations.Count(call => call.Method.Name == nameof(IKubernetesClient.CreateAsync)));
    }
}
