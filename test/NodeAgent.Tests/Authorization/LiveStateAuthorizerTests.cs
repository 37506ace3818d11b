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

    [TestMethod]
    public async Task Authorize_AVolumeOfAClaim_GivesTheModel()
    {
        PutClaimed();
        Assert.AreEqual("tiny", (await _authorizer.AuthorizeAsync(Request(), CancellationToken.None)).Name);
    }

    [TestMethod]
    [DataRow("the volume is bound to a claim of another namespace")]
    [DataRow("the volume is bound to another claim")]
    [DataRow("the volume is bound to a deleted namesake of the claim")]
    [DataRow("the claim names another volume")]
    [DataRow("the volume has another handle")]
    [DataRow("the volume has another digest")]
    [DataRow("the volume is another driver's")]
    [DataRow("the Pod names no claim")]
    public Task Authorize_AClaimOfWhich_IsDenied(string flaw)
    {
        (JsonObject pod, JsonObject claim, JsonObject volume) = PutClaimed();
        JsonNode spec = volume["spec"]!;
        switch (flaw)
        {
            case "the volume is bound to a claim of another namespace": spec["claimRef"]!["namespace"] = "team-b"; break;
            case "the volume is bound to another claim": spec["claimRef"]!["name"] = "other"; break;
            case "the volume is bound to a deleted namesake of the claim": spec["claimRef"]!["uid"] = "claim-uid-of-yesterday"; break;
            case "the claim names another volume": claim["spec"]!["volumeName"] = "pv-other"; break;
            case "the volume has another handle": spec["csi"]!["volumeHandle"] = "v2"; break;
            case "the volume has another digest": spec["csi"]!["volumeAttributes"]!["ai.deckhouse.io/digest"] = OtherDigest; break;
            case "the volume is another driver's": spec["csi"]!["driver"] = "nfs.csi.k8s.io"; break;
            case "the Pod names no claim": pod["spec"]!["volumes"] = new JsonArray(); break;
        }

        return RefusedAsync(Request(), "PermissionDenied");
    }

    [TestMethod]
    public Task Authorize_AClaimedVolumeWithAModelOfAnotherNamespace_IsNotFound()
    {
        (_, _, JsonObject volume) = PutClaimed();
        volume["spec"]!["csi"]!["volumeAttributes"]!["ai.deckhouse.io/model-name"] = "secret";
        return RefusedAsync(Request() with { ModelName = "secret" }, "NotFound");
    }

    [TestMethod]
    public Task Authorize_APodOfTheSameNameMadeAgain_IsNotFoundUnderTheOldUid()
    {
        JsonObject pod = Pod();
        pod["metadata"]!["uid"] = "uid-2";
        Put(ResourceTypes.Pods, "team-a", "app-0", pod);
        return RefusedAsync(Request(), "NotFound");
    }

    [TestMethod]
    public Task Authorize_AVolumeCopiedIntoAPodOfAnotherNamespace_FindsNoModelThere()
    {
        JsonObject pod = Pod();
        pod["metadata"]!["namespace"] = "team-b";
        Put(ResourceTypes.Pods, "team-b", "app-0", pod);
        return RefusedAsync(Request() with { PodNamespace = "team-b" }, "NotFound");
    }

    [TestMethod]
    public Task Authorize_ADeletedModel_TellsWhatThePodWaitsFor()
    {
        _client.Setup(client => client.GetAsync(ResourceTypes.Models, "team-a", "tiny", It.IsAny<CancellationToken>())).ReturnsAsync((JsonObject?)null);
        return RefusedAsync(Request(), "NotFound", "the Pod waits until it is made again");
    }

    private (JsonObject Pod, JsonObject Claim, JsonObject Volume) PutClaimed()
    {
        JsonObject pod = Pod();
        pod["spec"]!["volumes"] = JsonNode.Parse("""[ { "name": "m", "persistentVolumeClaim": { "claimName": "models" } } ]""");
        JsonObject claim = JsonNode.Parse("""{ "metadata": { "name": "models", "namespace": "team-a", "uid": "claim-uid" }, "spec": { "volumeName": "pv-1" } }""")!.AsObject();
        JsonObject volume = JsonNode.Parse($$"""
            { "metadata": { "name": "pv-1" },
              "spec": {
                "claimRef": { "namespace": "team-a", "name": "models", "uid": "claim-uid" },
                "csi": { "driver": "node-cache.ai-models.deckhouse.io", "volumeHandle": "v1", "volumeAttributes": {
                  "ai.deckhouse.io/model-kind": "Model", "ai.deckhouse.io/model-name": "tiny", "ai.deckhouse.io/digest": "{{Digest}}" } } } }
            """)!.AsObject();
        Put(ResourceTypes.Pods, "team-a", "app-0", pod);
        Put(ResourceTypes.PersistentVolumeClaims, "team-a", "models", claim);
        Put(ResourceTypes.PersistentVolumes, null, "pv-1", volume);
        return (pod, claim, volume);
    }

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

    private async Task RefusedAsync(EnsureModelRequest request, string code, string message = "")
    {
        NodeAgentException e = await Assert.ThrowsExactlyAsync<NodeAgentException>(() => _authorizer.AuthorizeAsync(request, CancellationToken.None));
        Assert.AreEqual(code, e.Code);
        Assert.Contains(message, e.Message);
    }
}
