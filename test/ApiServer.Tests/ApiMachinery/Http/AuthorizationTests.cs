using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>What is asked of the authorizer, and in which words its refusal is told (contract 3.3).</summary>
[TestClass]
public sealed class AuthorizationTests
{
    private const string Merge = "application/merge-patch+json", Apply = "application/apply-patch+yaml";
    private static readonly Judge s_judge = new();
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync(
        api =>
        {
            api.Services.AddSingleton<IAuthorizer>(s_judge);
            api.Services.AddSingleton<IRequestAuthenticator>(StaticTokenAuthenticator.Of(new Dictionary<string, UserInfo>
            {
                ["t"] = new() { Name = "a<b>&c", Uid = "u", Groups = ["dev"] },
                ["master"] = new() { Name = "root", Groups = ["system:masters"] },
            }));
        },
        allowsAll: false);

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestInitialize]
    public void Forget() => s_judge.Reset();

    [TestMethod]
    public async Task A14_Groups_TellWhoIsKnown()
    {
        await SendAsync("GET", WidgetServer.Widgets());
        await s_server.SendAsync("GET", WidgetServer.Widgets());

        Assert.AreEqual("a<b>&c dev,system:authenticated|system:anonymous system:unauthenticated",
            string.Join('|', s_judge.Asked.Select(asked => $"{asked.User.Name} {string.Join(',', asked.User.Groups)}")));
    }

    [TestMethod]
    [DataRow("/readyz", 200, 0)]
    [DataRow("/readyz?verbose", 200, 0)]
    [DataRow("/livez", 200, 0)]
    [DataRow("/healthz", 200, 0)]
    [DataRow("/readyz/ping", 403, 1)]
    [DataRow("/readyz/", 403, 1)]
    public async Task A16_Health_IsFreeByItsExactPath_AndTheRestIsAsked(string path, int code, int asked)
    {
        Assert.AreEqual(code, (await s_server.SendAsync("GET", path)).Code);
        Assert.HasCount(asked, s_judge.Asked);
    }

    [TestMethod]
    public async Task A16_Masters_AreNotAskedAbout()
    {
        Assert.AreEqual(200, (await s_server.SendAsync("GET", WidgetServer.Widgets(), headers: ("Authorization", "Bearer master"))).Code);
        Assert.IsEmpty(s_judge.Asked);
    }

    [TestMethod]
    [DataRow("/apis/example.com/v1/widgets?fieldSelector=spec.color%3Dx&labelSelector=a%3Db", "list example.com/v1 widgets // spec.color=x a=b")]
    [DataRow("/apis/example.com/v1/widgets?watch=1&timeoutSeconds=1&labelSelector=a", "watch example.com/v1 widgets //  a")]
    [DataRow("/apis/example.com/v1/namespaces/ns/widgets?fieldSelector=metadata.name%3Dw", "list example.com/v1 widgets ns/w/  ")]
    [DataRow("/apis/example.com/v1/namespaces/ns/widgets/w/status", "get example.com/v1 widgets ns/w/status  ")]
    [DataRow("/apis/example.com/v1/watch/namespaces/ns/widgets?timeoutSeconds=1", "watch example.com/v1 widgets ns//  ")]
    [DataRow("/apis/example.com/v1/gadgets/g", "get example.com/v1 gadgets /g/  ")]
    public async Task A18_A20_Reads_AreAskedAboutWithTheirVerbAndSelectors(string path, string expected)
    {
        await SendAsync("GET", path);

        AuthorizationAttributes asked = s_judge.Asked.Single();
        Assert.AreEqual(expected,
            $"{asked.Verb} {asked.Group}/{asked.Version} {asked.Resource} {asked.Namespace}/{asked.Name}/{asked.Subresource} {asked.FieldSelector} {asked.LabelSelector}");
    }

    [TestMethod]
    [DataRow("POST", "", "create", "application/json")]
    [DataRow("PUT", "/w", "update", "application/json")]
    [DataRow("PATCH", "/w", "patch", Merge)]
    [DataRow("PATCH", "/w", "patch", Apply)]
    [DataRow("DELETE", "/w", "delete", "application/json")]
    [DataRow("DELETE", "", "deletecollection", "application/json")]
    public async Task A20_A22_Writes_AreAskedAbout_AlthoughTheProxyDidAlready(string method, string name, string verb, string type)
    {
        s_judge.Decision = AuthorizationDecision.Deny();

        Answer answer = await SendAsync(method, WidgetServer.Widgets() + name, "{}", type);

        Assert.AreEqual(403, answer.Code);
        Assert.AreEqual(verb, s_judge.Asked.Single().Verb);
    }

    [TestMethod]
    [DataRow("/apis/example.com/v1/namespaces/n/widgets/w", "widgets.example.com \"w\" is forbidden: User \"a&lt;b&gt;&amp;c\" cannot get resource \"widgets\" in API group \"example.com\" in the namespace \"n\": why <not>")]
    [DataRow("/apis/example.com/v1/namespaces/n/widgets/w/status", "widgets.example.com \"w\" is forbidden: User \"a&lt;b&gt;&amp;c\" cannot get resource \"widgets/status\" in API group \"example.com\" in the namespace \"n\": why <not>")]
    [DataRow("/apis/example.com/v1/widgets", "widgets.example.com is forbidden: User \"a&lt;b&gt;&amp;c\" cannot list resource \"widgets\" in API group \"example.com\" at the cluster scope: why <not>")]
    [DataRow("/metrics", "forbidden: User \"a&lt;b&gt;&amp;c\" cannot get path \"/metrics\": why <not>")]
    public async Task A19_Refusal_SaysWhoMayNotWhatWhereAndWhy(string path, string message)
    {
        s_judge.Decision = AuthorizationDecision.Deny("why <not>");

        Answer answer = await SendAsync("GET", path);

        Assert.AreEqual((403, "Forbidden", message), (answer.Code, (string?)answer.Json["reason"], answer.Message));
        Assert.AreEqual("nosniff", answer.Header("X-Content-Type-Options"));
        string name = path.Contains("/w/", StringComparison.Ordinal) || path.EndsWith("/w", StringComparison.Ordinal) ? "\"name\":\"w\"," : "";
        Assert.AreEqual(path == "/metrics" ? "{}" : $$"""{{{name}}"group":"example.com","kind":"widgets"}""", answer.Json["details"]!.ToJsonString());
    }

    [TestMethod]
    public async Task A19_Authorizer_ThatFails_Is500InPlainText()
    {
        s_judge.Failure = new HttpRequestException("connection refused");

        Answer answer = await SendAsync("GET", WidgetServer.Widgets() + "?limit=5");

        Assert.AreEqual((500, "text/plain; charset=utf-8"), (answer.Code, answer.Header("Content-Type")));
        Assert.AreEqual($"Internal Server Error: \"{WidgetServer.Widgets()}?limit=5\": connection refused", answer.Text.TrimEnd());
    }

    [TestMethod]
    public async Task A21_Put_OrApply_OfAnExistingObject_NeedsNoRightToCreate()
    {
        JsonObject stored = (await SendAsync("POST", WidgetServer.Widgets("a21"), WidgetServer.New("w").ToJsonString())).Json;
        s_judge.Reset();

        await SendAsync("PUT", WidgetServer.Widgets("a21") + "/w", stored.ToJsonString());
        await SendAsync("PATCH", WidgetServer.Widgets("a21") + "/w?fieldManager=m", """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"}}""", Apply);

        Assert.AreEqual("update,patch", string.Join(',', s_judge.Asked.Select(asked => asked.Verb)));
    }

    private static Task<Answer> SendAsync(string method, string path, string? body = null, string type = "application/json") =>
        s_server.SendAsync(method, path, body, type, headers: ("Authorization", "Bearer t"));

    /// <summary>Notes what it is asked, and decides as a test says.</summary>
    private sealed class Judge : IAuthorizer
    {
        public List<AuthorizationAttributes> Asked { get; } = [];
        public AuthorizationDecision Decision { get; set; }
        public Exception? Failure { get; set; }

        public void Reset()
        {
            Asked.Clear();
            (Decision, Failure) = (AuthorizationDecision.Allow, null);
        }

        public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken)
        {
            Asked.Add(attributes);
            return Failure is { } failure
                ? throw failure
                : new(attributes is { IsResource: false, User.Name: "system:anonymous" } ? AuthorizationDecision.Deny() : Decision);
        }
    }
}
