using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Resources;
using AiModels.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.ApiServer.Tests.ApiMachinery.Audit;

/// <summary>Who did what to which object (contract H3; requirement O4).</summary>
[TestClass]
public sealed class AuditLogTests
{
    private DirectoryInfo _folder = null!;

    public required TestContext TestContext { get; set; }

    private string File => Path.Combine(_folder.FullName, "logs", "audit.log");

    [TestInitialize]
    public void Start() => _folder = Directory.CreateTempSubdirectory("audit-");

    [TestCleanup]
    public void Stop() => _folder.Delete(recursive: true);

    [TestMethod]
    public async Task H3_Requests_AreWrittenWithUserObjectAndOutcome()
    {
        WidgetServer server = await WidgetServer.StartAsync(api => api.Services.AddAuditLog(new AuditOptions { Path = File }));
        await using (server)
        {
            await server.SendAsync("POST", WidgetServer.Widgets("team") + "?fieldManager=me", WidgetServer.New("a"), headers: [("Audit-ID", "one"), ("User-Agent", "tester"), ("X-Forwarded-For", "10.9.8.7")]);
            await server.SendAsync("GET", WidgetServer.Widgets("team") + "/missing");
            await server.SendAsync("GET", WidgetServer.Widgets("team") + "?watch=1&timeoutSeconds=1");
            await server.SendAsync("PUT", WidgetServer.Widgets("team") + "/a/status", "{", headers: ("Impersonate-User", "jane"));
            await server.SendAsync("GET", "/apis");
            await server.SendAsync("GET", "/readyz");
            await server.StopAsync();
        }

        JsonObject[] events = [.. System.IO.File.ReadAllLines(File).Select(line => JsonNode.Parse(line)!.AsObject())];
        CollectionAssert.AreEqual(
            new[]
            {
                "ResponseComplete create team/ 201", "ResponseComplete get team/missing 404", "ResponseStarted watch team/ 200", "ResponseComplete watch team/ 200",
                "ResponseComplete update team/a 400",
            },
            events.Select(e => $"{e["stage"]} {e["verb"]} {e["objectRef"]!["namespace"]}/{e["objectRef"]!["name"]} {e["responseStatus"]!["code"]}").ToArray());
        JsonObject first = events[0];
        Assert.AreEqual("audit.k8s.io/v1 Event Metadata one", $"{first["apiVersion"]} {first["kind"]} {first["level"]} {first["auditID"]}");
        Assert.AreEqual("/apis/example.com/v1/namespaces/team/widgets?fieldManager=me", (string?)first["requestURI"]);
        Assert.AreEqual("system:anonymous", (string?)first["user"]!["username"]);
        Assert.AreEqual("10.9.8.7", (string?)first["sourceIPs"]![0]);
        Assert.AreEqual("tester", (string?)first["userAgent"]);
        Assert.AreEqual("""{"resource":"widgets","namespace":"team","apiGroup":"example.com","apiVersion":"v1"}""", first["objectRef"]!.ToJsonString());
        Assert.AreEqual("allow", (string?)first["annotations"]!["authorization.k8s.io/decision"]);
        StringAssert.Matches((string)first["stageTimestamp"]!, new(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
        Assert.AreEqual(("system:anonymous", "jane", "status"),
            ((string?)events[4]["user"]!["username"], (string?)events[4]["impersonatedUser"]!["username"], (string?)events[4]["objectRef"]!["subresource"]));
        Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
    }

    [TestMethod]
    public async Task Annotations_OfAdmission_AreInTheEvent()
    {
        WidgetServer server = await WidgetServer.StartAsync(api =>
        {
            api.Services.AddAuditLog(new AuditOptions { Path = File });
            api.AddAdmission<Noting>();
        });
        await using (server)
        {
            await server.CreateAsync(WidgetServer.New("a"));
            await server.StopAsync();
        }

        Assert.AreEqual("yes", (string?)JsonNode.Parse(System.IO.File.ReadAllLines(File).Single())!["annotations"]!["policy.example.com/checked"]);
    }

    [TestMethod]
    public void File_ThatIsFull_IsRenamed_AndOldOnesAreDeleted()
    {
        var clock = new ManualClock();
        using var file = new AuditFile(new AuditOptions { Path = File, MaximumMegabytes = 1, MaximumBackups = 2, MaximumDays = 3 }, clock);
        byte[] line = new byte[700_000];
        for (int i = 0; i < 5; i++)
        {
            file.Write(line);
            file.Flush();
            clock.Advance(TimeSpan.FromHours(1));
        }

        string[] kept = Backups();
        clock.Advance(TimeSpan.FromDays(4));
        file.Write(line);

        Assert.HasCount(2, kept);
        StringAssert.Matches(kept[0], new(@"^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$"));
        Assert.HasCount(1, Backups(), "those that are too old go as well");
        Assert.AreEqual(700_000, new FileInfo(File).Length);

        string[] Backups() => [.. Directory.GetFiles(Path.GetDirectoryName(File)!, "audit-*.log").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task Log_ThatCannotBeWritten_LosesNothingSilently_AndNeverBlocks()
    {
        // A folder stands where the file should be.
        Directory.CreateDirectory(File);
        using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var log = new AuditLog(
            new AuditOptions { Path = File, Capacity = 3 }, services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(), TimeProvider.System, NullLogger<AuditLog>.Instance);
        for (int i = 0; i < 10; i++)
        {
            log.Add(new JsonObject { ["auditID"] = i });
        }

        Directory.Delete(File);
        await log.StartingAsync(TestContext.CancellationToken);
        await log.StoppedAsync(TestContext.CancellationToken);

        string[] lines = System.IO.File.ReadAllLines(File);
        Assert.AreEqual("7", (string?)JsonNode.Parse(lines[0])!["annotations"]!["audit.k8s.io/lost-events"], "what did not fit is told");
        Assert.HasCount(4, lines);
    }

    private sealed class Noting : IAdmission
    {
        public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken)
        {
            request.AuditAnnotations["policy.example.com/checked"] = "yes";
            return ValueTask.CompletedTask;
        }
    }
}
