using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Whose name the server's own writes bear: webhooks of policy engines are told, and would refuse system:anonymous.</summary>
[TestClass]
public sealed class UploadWriterTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task AD3_OpenSession_IsAnnouncedByTheServerItself()
    {
        var writers = new Writers();
        await using RunningServer server = await RunningServer.StartAsync(configure: services => services.AddSingleton<IAdmission>(writers));
        await server.CreateModelAsync("told", """{"upload":{}}""", TestContext.CancellationToken);

        await server.OpenSessionAsync("told", TestContext.CancellationToken);

        (_, JsonObject model) = await server.SendAsync(HttpMethod.Get, RunningServer.ModelPath("told"), null, TestContext.CancellationToken);
        Assert.AreEqual("Waiting", (string?)model["metadata"]!["annotations"]!["ai.deckhouse.io/upload-state"]);
        Assert.AreEqual("CREATE by admin, UPDATE by system:apiserver", string.Join(", ", writers.Seen));
    }

    private sealed class Writers : IAdmission
    {
        public ConcurrentQueue<string> Seen { get; } = new();

        public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken)
        {
            if (request.Subresource.Length == 0)
            {
                Seen.Enqueue($"{request.Operation} by {request.User.Name}");
            }

            return ValueTask.CompletedTask;
        }
    }
}
