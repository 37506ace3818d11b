using System.Net;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Who may pull may not push for that.</summary>
[TestClass]
public sealed class GrantAuthorizationTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Grant_ToPush_NeedsTheVerbUpdate()
    {
        await using RunningServer server = await RunningServer.StartAsync(configure: services => services.AddSingleton<IAuthorizer>(new MayCreateGrants()));
        await server.CreateModelAsync("m", """{"upload":{}}""", TestContext.CancellationToken);
        using HttpClient reader = server.Client(RunningServer.ReaderToken);

        Task<(HttpStatusCode Code, JsonObject Body)> AskAsync(string actions) => RunningServer.SendAsync(
            reader, HttpMethod.Post, RunningServer.ModelPath("m", "grant"), $$$"""{"spec":{"actions":[{{{actions}}}]}}""", TestContext.CancellationToken);

        Assert.AreEqual(HttpStatusCode.Created, (await AskAsync("\"pull\"")).Code);
        (HttpStatusCode code, JsonObject status) = await AskAsync("\"pull\",\"push\"");
        Assert.AreEqual(HttpStatusCode.Forbidden, code);
        StringAssert.Contains((string)status["message"]!, "needs the verb update on models/grant");
    }

    private sealed class MayCreateGrants : IAuthorizer
    {
        public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
            new(attributes is { Verb: "create", Subresource: "grant" } ? AuthorizationDecision.Allow : AuthorizationDecision.Deny());
    }
}
