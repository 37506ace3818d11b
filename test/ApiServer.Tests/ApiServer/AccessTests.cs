using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiServer.Access;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
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
    public async Task A17_A18_Authorizer_AsksWithUserAndResource_AndBelievesTenSeconds()
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
    public async Task A17_Denial_IsBelievedTenSeconds_AndIsOfThisUserOnly()
    {
        Answer("""{"status":{"allowed":false,"reason":"no"}}""");
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);
        AuthorizationAttributes Of(string uid) => new() { User = new UserInfo { Name = "eve", Uid = uid }, Verb = "get", IsResource = false, Path = "/metrics" };

        await authorizer.AuthorizeAsync(Of("1"), Cancelled);
        AuthorizationDecision again = await authorizer.AuthorizeAsync(Of("1"), Cancelled);
        await authorizer.AuthorizeAsync(Of("2"), Cancelled);
        _clock.Advance(TimeSpan.FromSeconds(11));
        await authorizer.AuthorizeAsync(Of("1"), Cancelled);

        Assert.AreEqual(AuthorizationDecision.Deny("no"), again);
        Assert.AreEqual("1,2,1", string.Join(',', _asked.Select(review => (string?)review["spec"]!["uid"])));
        Assert.AreEqual("""{"path":"/metrics","verb":"get"}""", _asked[0]["spec"]!["nonResourceAttributes"]!.ToJsonString());
    }

    [TestMethod]
    public async Task A13_TokenReview_IsBelievedTenSeconds_WhateverItSays()
    {
        Answer("""{"status":{"authenticated":false}}""");
        var authenticator = new TokenReviewAuthenticator(_cluster.Object, _clock);

        await authenticator.AuthenticateAsync(Request("Bearer a"), Cancelled);
        AuthenticationResult again = await authenticator.AuthenticateAsync(Request("bearer a"), Cancelled);
        Answer("""{"status":{"authenticated":true,"user":{"username":"tom","extra":{"Example.com/Scopes":["x"]}}}}""");
        _clock.Advance(TimeSpan.FromSeconds(11));
        AuthenticationResult later = await authenticator.AuthenticateAsync(Request("Bearer a"), Cancelled);
        AuthenticationResult kept = await authenticator.AuthenticateAsync(Request("Bearer a"), Cancelled);

        Assert.IsNotNull(again.Failure);
        Assert.AreEqual(("tom", "x"), (later.User!.Name, later.User.Extra["example.com/scopes"].Single()));
        Assert.AreEqual(later, kept);
        Assert.HasCount(2, _asked);
        Assert.AreEqual("authentication.k8s.io/v1 TokenReview", $"{_asked[0]["apiVersion"]} {_asked[0]["kind"]}");
    }

    [TestMethod]
    public async Task A18_Authorizer_AskedAboutAList_TellsItsSelectors()
    {
        Answer("""{"status":{"allowed":true}}""");
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);

        await authorizer.AuthorizeAsync(
            new AuthorizationAttributes
            {
                User = new UserInfo { Name = "eve" },
                Verb = "list",
                IsResource = true,
                Group = "ai.deckhouse.io",
                Version = "v1alpha1",
                Resource = "models",
                FieldSelector = "metadata.namespace=a",
                LabelSelector = "x in (a,b),!y,broken in",
            },
            Cancelled);
        await authorizer.AuthorizeAsync(
            new AuthorizationAttributes { User = new UserInfo { Name = "eve" }, Verb = "list", IsResource = true, Resource = "models", LabelSelector = "x in (a,b),!y" }, Cancelled);

        Assert.AreEqual("""{"requirements":[{"key":"metadata.namespace","operator":"In","values":["a"]}]}""", _asked[0]["spec"]!["resourceAttributes"]!["fieldSelector"]!.ToJsonString());
        Assert.IsNull(_asked[0]["spec"]!["resourceAttributes"]!["labelSelector"], "a selector that does not parse is left out");
        Assert.AreEqual(
            """{"requirements":[{"key":"x","operator":"In","values":["a","b"]},{"key":"y","operator":"DoesNotExist"}]}""",
            _asked[1]["spec"]!["resourceAttributes"]!["labelSelector"]!.ToJsonString());
    }

    [TestMethod]
    public async Task A17_Authorizer_RemembersNoHugeQuestions()
    {
        Answer("""{"status":{"allowed":true}}""");
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);
        var attributes = new AuthorizationAttributes { User = new UserInfo { Name = new string('x', 11_000) }, Verb = "list", IsResource = true, Resource = "models" };

        await authorizer.AuthorizeAsync(attributes, Cancelled);
        await authorizer.AuthorizeAsync(attributes, Cancelled);

        Assert.HasCount(2, _asked);
    }

    [TestMethod]
    public async Task A19_Authorizer_ThatCannotAsk_LetsNobodyIn()
    {
        _cluster.Setup(c => c.RawAsync(It.IsAny<HttpMethod>(), It.IsAny<string>(), It.IsAny<JsonObject?>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new HttpRequestException("connection refused"));
        var authorizer = new SubjectAccessReviewAuthorizer(_cluster.Object, _clock);

        var refusal = await Assert.ThrowsExactlyAsync<HttpRequestException>(async () => await authorizer.AuthorizeAsync(
            new AuthorizationAttributes { User = UserInfo.Anonymous, Verb = "get", IsResource = false, Path = "/metrics" }, Cancelled));

        Assert.AreEqual("connection refused", refusal.Message, "the machinery answers 500 with it");
    }

    [TestMethod]
    public async Task A13_TokenReview_GivesTheUser_AndNeverSeesUploadTokens()
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
    public async Task A13_TokenReview_OfAnUnknownToken_IsAFailure()
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

        using var cache = new ClusterCache(_cluster.Object, ClusterNamespaces.Type, null, null, _clock, NullLogger<ClusterCache>.Instance);

        Assert.AreEqual(state, await new ClusterNamespaces(cache, _cluster.Object, TimeProvider.System).GetStateAsync("a", Cancelled), "asked live: the cache knows nothing yet");
    }

    [TestMethod]
#if !WITH_LITEDB
    [DataRow("litedb", "not built into this version")]
#endif
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
