using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>
/// test/testdata/apply/CASE: request.yaml (manager, force, error), live.yaml (absent: the object is created), applied.yaml, expected.yaml.
/// The clock stands at 2026-01-02T03:04:05Z. Contract M20-M33.
/// </summary>
[TestClass]
public sealed class ApplyScenarioTests
{
    public static IEnumerable<string[]> Cases => Directory.GetDirectories(Folder()).Select(folder => new[] { Path.GetFileName(folder) }).OrderBy(name => name[0]);

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void M8_M20_M21_M22_M26_M28_Apply_OfTheScenario_GivesWhatIsExpected(string name)
    {
        JsonObject request = Read(name, "request")!, applied = Read(name, "applied")!;
        JsonObject? live = Read(name, "live");
        string before = live?.ToJsonString() ?? "", patch = applied.ToJsonString();
        string manager = (string)request["manager"]!;
        bool force = (bool?)request["force"] ?? false;

        JsonObject Apply() => Widgets.Fields.Apply(live, applied, manager, force, "", Widgets.Now);

        if (request["error"] is { } error)
        {
            var failure = Assert.ThrowsExactly<ApplyException>(Apply);
            Assert.AreEqual((string)error!, failure.Message);
        }
        else
        {
            JsonObject result = Apply();
            Assert.IsTrue(JsonNode.DeepEquals(Read(name, "expected"), result), result.ToJsonString(new() { WriteIndented = true }));
            JsonObject again = Widgets.Fields.Apply(result, applied, manager, force, "", Widgets.Now.AddHours(1));
            Assert.AreEqual(result.ToJsonString(), again.ToJsonString(), "a second apply changes nothing");
        }

        Assert.AreEqual(before, live?.ToJsonString() ?? "", "the live object stays as it was");
        Assert.AreEqual(patch, applied.ToJsonString(), "the patch stays as it was");
    }

    private static JsonObject? Read(string name, string file)
    {
        string path = Path.Combine(Folder(), name, file + ".yaml");
        return File.Exists(path) ? Widgets.Yaml(File.ReadAllText(path)) : null;
    }

    private static string Folder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ApiServer.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? throw new InvalidOperationException("no ApiServer.sln above the tests"), "test", "testdata", "apply");
    }
}
