using System.Text.Json.Nodes;
using AiModels.Contracts.NodeCache;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using Moq;

namespace AiModels.NodeAgent.Tests.Authorization;

/// <summary>Tries to steal models. Each test changes one thing of a request that is right.</summary>
[TestClass]
public sealed class LiveStateAuthorizerTests
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string OtherDigest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    private readonly Mock<IKubernetesClient> _client = new();
    private readonly LiveStateAuthorizer _authorizer;

    public LiveStateAuthorizerTests()
    {
        _authorizer = new LiveStateAuthorizer(_client.Object, "node-1");
        Put(ResourceTypes.Pods, "team-a", "app-0", Pod());
        Put(ResourceTypes.Models, "team-a", "tiny", Model());
        Put(ResourceTypes.Models, "team-b", "secret", Model());
        Put(ResourceTypes.ClusterModels, null, "shared", Model());
    }

    [TestMethod]
    public async Task Authorize_WhatTheControllerResolved_GivesTheModel()
    {
        AuthorizedModel model = await _authorizer.AuthorizeAsync(Request(), CancellationToken.None);
        Assert.AreEqual(new AuthorizedModel("Model", "team-a", "tiny", Digest, 42), model);
    }

    [TestMethod]
    public async Task Authorize_AClusterModel_IsForEveryNamespace()
    {
        Put(ResourceTypes.Pods, "team-a", "app-0", Pod("ClusterModel", "shared"));
        AuthorizedModel model = await _authorizer.AuthorizeAsync(Request() with { ModelKind = "ClusterModel", ModelName = "shared" }, CancellationToken.None);
        Assert.IsNull(model.Namespace);
    }

    [TestMethod]
    public Task Authorize_AModelOfAnotherNamespace_IsNotFound()
    {
        Put(ResourceTypes.Pods, "team-a", "app-0", Pod("Model", "secret"));
        return RefusedAsync(Request() with { ModelName = "secret" }, "NotFound");
    }

    [TestMethod]
    public Task Authorize_AForgedDigest_IsDenied()
    {
        Put(ResourceTypes.Pods, "team-a", "app-0", Pod(digest: OtherDigest));
        return RefusedAsync(Request() with { Digest = OtherDigest }, "PermissionDenied");
    }

    [TestMethod]
    public Task Authorize_AVolumeThatThePodDoesNotHave_IsDenied() => RefusedAsync(Request() with { ModelKind = "ClusterModel", ModelName = "shared" }, "PermissionDenied");

    [TestMethod]
    public Task Authorize_APodOnAnotherNode_IsDenied()
    {
        JsonObject pod = Pod();
        pod["spec"]!["nodeName"] = "node-2";
        Put(ResourceTypes.Pods, "team-a", "app-0", pod);
        return RefusedAsync(Request(), "PermissionDenied");
    }

    [TestMethod]
    public Task Authorize_TheUidOfADeletedPod_IsNotFound() => RefusedAsync(Request() with { PodUid = "uid-of-yesterday" }, "NotFound");

    [TestMethod]
    public Task Authorize_APodThatIsGone_IsNotFound() => RefusedAsync(Request() with { PodName = "app-9" }, "NotFound");

    [TestMethod]
    public Task Authorize_APodThatHasEnded_IsDenied()
    {
        JsonObject pod = Pod();
        pod["status"] = new JsonObject { ["phase"] = "Succeeded" };
        Put(ResourceTypes.Pods, "team-a", "app-0", pod);
        return RefusedAsync(Request(), "PermissionDenied");
    }

    [TestMethod]
    public Task Authorize_AModelThatIsNotReady_IsUnavailable()
    {
        JsonObject model = Model();
        model["status"]!["phase"] = "Publishing";
        Put(ResourceTypes.Models, "team-a", "tiny", model);
        return RefusedAsync(Request(), "Unavailable");
    }

    [TestMethod]
    public Task Authorize_WhenTheApiIsAway_IsUnavailable()
    {
        _client.Setup(client => client.GetAsync(ResourceTypes.Pods, "team-a", "app-0", It.IsAny<CancellationToken>())).ThrowsAsync(new HttpRequestException("refused"));
        return RefusedAsync(Request(), "Unavailable");
    }

    [TestMethod]
    public async Task IsGone_WhenTheApiIsAway_IsNotSaid()
    {
        _client.Setup(client => client.GetAsync(ResourceTypes.Pods, "team-a", "app-0", It.IsAny<CancellationToken>())).ThrowsAsync(new HttpRequestException("refused"));
        Assert.IsFalse(await _authorizer.IsGoneAsync("team-a", "app-0", "uid-1", CancellationToken.None));
    }

    [TestMethod]
    [DataRow("app-0", "uid-1", false)]
    [DataRow("app-0", "uid-2", true)]
    [DataRow("app-9", "uid-1", true)]
    public async Task IsGone_ByNameAndUid_IsTold(string name, string uid, bool expected) =>
        Assert.AreEqual(expected, await _authorizer.IsGoneAsync("team-a", name, uid, CancellationToken.None));

    private static EnsureModelRequest Request() => new()
    {
        VolumeId = "v1",
        PodNamespace = "team-a",
        PodName = "app-0",
        PodUid = "uid-1",
        ModelKind = "Model",
        ModelName = "tiny",
        Digest = Digest,
    };

    private static JsonObject Pod(string kind = "Model", string name = "tiny", string digest = Digest) => JsonNode.Parse($$"""
        {
          "metadata": { "name": "app-0", "namespace": "team-a", "uid": "uid-1" },
          "spec": {
            "nodeName": "node-1",
            "volumes": [
              { "name": "tmp", "emptyDir": {} },
              { "name": "m", "csi": { "driver": "node-cache.ai-models.deckhouse.io", "volumeAttributes": {
                "ai.deckhouse.io/model-kind": "{{kind}}", "ai.deckhouse.io/model-name": "{{name}}", "ai.deckhouse.io/digest": "{{digest}}" } } }
            ]
          },
          "status": { "phase": "Pending" }
        }
        """)!.AsObject();

    private static JsonObject Model() => JsonNode.Parse($$"""
        { "status": { "phase": "Ready", "artifact": { "digest": "{{Digest}}", "sizeBytes": 42 } } }
        """)!.AsObject();

    private void Put(ResourceType type, string? ns, string name, JsonObject document) =>
        _client.Setup(client => client.GetAsync(type, ns, name, It.IsAny<CancellationToken>())).ReturnsAsync(document);

    private async Task RefusedAsync(EnsureModelRequest request, string code)
    {
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => _authorizer.AuthorizeAsync(request, CancellationToken.None));
        Assert.AreEqual(code, e.Code);
    }
}
