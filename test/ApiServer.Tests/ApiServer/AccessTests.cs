using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiServer.Access;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.AspNetCore.Http;
using Moq;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>What is asked of the host cluster, and how long its answers are believed.</summary>
[TestClass]
public sealed class AccessTests
{
    private readonly ManualClock _clock = new();
    private readonly Mock<IKubernetesClient> _cluster = new();
    private readonly List<JsonObject> _asked = [];

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    public async Task Authorizer_AsksWithUserAndResource_AndBelievesTenSeconds()
    {
        Answer("""{"status":{"allowed":true,"reason":"RBAC"}}""");
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);
        var attributes = new AuthorizationAttributes
        {
            User = new UserInfo { Name = "eve", Groups = ["dev"], Extra = new Dictionary<string, IReadOnlyList<string>> { ["scope"] = ["a"] } },
            Verb = "update",
            IsResource = true,
            Group = "ai.deckhouse.io",
            Version = "v1alpha1",
            Resource = "models",
            Subresource = "upload",
            Namespace = "team-a",
            Name = "m",
        };

        Assert.IsTrue((await authorizer.AuthorizeAsync(attributes, Cancelled)).IsAllowed);
        Assert.IsTrue((await authorizer.AuthorizeAsync(attributes, Cancelled)).IsAllowed);
        Assert.HasCount(1, _asked);
        Assert.IsTrue(JsonNode.DeepEquals(
            JsonNode.Parse(
                """
                {"user":"eve","groups":["dev"],"extra":{"scope":["a"]},"resourceAttributes":
                 {"namespace":"team-a","verb":"update","group":"ai.deckhouse.io","version":"v1alpha1","resource":"models","subresource":"upload","name":"m"}}
                """),
            _asked[0]["spec"]), _asked[0].ToJsonString());

        _clock.Advance(TimeSpan.FromSeconds(11));
        Answer("""{"status":{"allowed":false,"reason":"no"}}""");
        Assert.AreEqual(AuthorizationDecision.Deny("no"), await authorizer.AuthorizeAsync(attributes, Cancelled));
    }

    [TestMethod]
    public async Task Authorizer_ThatCannotAsk_LetsNobodyIn()
    {
        _cluster.Setup(c => c.RawAsync(It.IsAny<HttpMethod>(), It.IsAny<string>(), It.IsAny<JsonObject?>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new HttpRequestException("connection refused"));
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);

        var refusal = await Assert.ThrowsExactlyAsync<ApiException>(async () => await authorizer.AuthorizeAsync(
            new AuthorizationAttributes { User = UserInfo.Anonymous, Verb = "get", IsResource = false, Path = "/metrics" }, Cancelled));

        Assert.AreEqual(500, refusal.Code);
    }

    [TestMethod]
    public async Task TokenReview_GivesTheUser_AndNeverSeesUploadTokens()
    {
        Answer("""{"status":{"authenticated":true,"user":{"username":"system:serviceaccount:a:b","uid":"7","groups":["system:serviceaccounts"]}}}""");
        var authenticator = new TokenReviewAuthenticator(_cluster.Object, _clock);

        AuthenticationResult known = await authenticator.AuthenticateAsync(Request("Bearer abc"), Cancelled);
        AuthenticationResult upload = await authenticator.AuthenticateAsync(Request("Bearer aimu-xyz"), Cancelled);
        AuthenticationResult none = await authenticator.AuthenticateAsync(Request(null), Cancelled);

        Assert.AreEqual("system:serviceaccount:a:b", known.User!.Name);
        CollectionAssert.AreEqual(new[] { "system:serviceaccounts" }, known.User.Groups.ToArray());
        Assert.AreEqual(AuthenticationResult.NoOpinion, upload);
        Assert.AreEqual(AuthenticationResult.NoOpinion, none);
        Assert.AreEqual("abc", (string?)_asked.Single()["spec"]!["token"]);
    }

    [TestMethod]
    public async Task TokenReview_OfAnUnknownToken_IsAFailure()
    {
        Answer("""{"status":{"authenticated":false,"error":"expired"}}""");

        AuthenticationResult result = await new TokenReviewAuthenticator(_cluster.Object, _clock).AuthenticateAsync(Request("Bearer abc"), Cancelled);

        Assert.AreEqual("expired", result.Failure);
    }

    [TestMethod]
    [DataRow(null, NamespaceState.Absent)]
    [DataRow("""{"metadata":{"name":"a"}}""", NamespaceState.Active)]
    [DataRow("""{"metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}""", NamespaceState.Terminating)]
    public async Task Namespaces_AreThoseOfTheHostCluster(string? document, NamespaceState state)
    {
        _cluster.Setup(c => c.GetAsync(It.IsAny<ResourceType>(), null, "a", It.IsAny<CancellationToken>()))
            .ReturnsAsync(document is null ? null : JsonNode.Parse(document)!.AsObject());

        Assert.AreEqual(state, await new ClusterNamespaces(_cluster.Object, _clock).GetStateAsync("a", Cancelled));
    }

    [TestMethod]
    [DataRow("etcd", "not built into this version")]
    [DataRow("litedb", "not built into this version")]
    [DataRow("redis", "is no engine")]
    public void Options_WithAnotherEngine_SayWhatIsBuiltIn(string engine, string message)
    {
        var options = new ApiServerOptions { Storage = engine, Registry = "http://127.0.0.1:5000" };

        string problem = options.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(options)).Single().ErrorMessage!;

        StringAssert.Contains(problem, message);
        StringAssert.Contains(problem, "sqlite");
    }

    private static DefaultHttpContext Request(string? authorization)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.Authorization = authorization;
        return context;
    }

    private void Answer(string json) =>
        _cluster.Setup(c => c.RawAsync(It.IsAny<HttpMethod>(), It.IsAny<string>(), It.IsAny<JsonObject?>(), It.IsAny<CancellationToken>()))
            .Callback<HttpMethod, string, JsonObject?, CancellationToken>((_, _, body, _) => _asked.Add(body!.DeepClone().AsObject()))
            .ReturnsAsync(() => JsonNode.Parse(json)!.AsObject());
}
