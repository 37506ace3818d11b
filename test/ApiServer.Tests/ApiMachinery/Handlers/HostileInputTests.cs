using System.Text;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>Whatever a client sends, the answer is its own fault told precisely, never a defect of the server.</summary>
[TestClass]
public sealed class HostileInputTests
{
    private static readonly string[] Values =
    [
        "null", "5", "-1", "1e400", "1.5", "\"\"", "\"x\"", "true", "[]", "[null]", "[1]", "{}", "{\"a\":null}", "{\"\":1}", "[\"a\",{\"b\":[]}]",
        "99999999999999999999", "{\"name\":{\"x\":1}}",
    ];

    private static readonly string[] Fields =
    [
        "apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace", "metadata.labels", "metadata.labels.a", "metadata.annotations",
        "metadata.finalizers", "metadata.ownerReferences", "metadata.managedFields", "metadata.uid", "metadata.resourceVersion", "metadata.generation",
        "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds", "metadata.generateName", "spec", "spec.color", "spec.size", "status",
    ];

    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context)
    {
        s_server = await WidgetServer.StartAsync();
        await s_server.CreateAsync(WidgetServer.New("f"));
    }

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    [Timeout(60_000)]
    public async Task Write_WithAnyValueInAnyField_IsJudged()
    {
        string path = WidgetServer.Widgets();
        foreach (string field in Fields)
        {
            foreach (string value in Values)
            {
                string patch = Nest(field, value), pointer = "/" + field.Replace('.', '/');
                string whole = $$"""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"g"},{{patch[1..]}}""";
                await JudgedAsync("POST", path + "?dryRun=All", whole, "application/json");
                await JudgedAsync("PUT", path + "/f?dryRun=All", whole, "application/json");
                await JudgedAsync("PATCH", path + "/f?dryRun=All", patch, "application/merge-patch+json");
                await JudgedAsync("PATCH", path + "/f/status?dryRun=All", patch, "application/merge-patch+json");
                await JudgedAsync("PATCH", path + "/f?dryRun=All", $$"""[{"op":"add","path":"{{pointer}}","value":{{value}}}]""", "application/json-patch+json");
                await JudgedAsync("PATCH", path + "/g?dryRun=All&fieldManager=m&force=true", whole, "application/apply-patch+yaml");
            }
        }
    }

    [TestMethod]
    [Timeout(60_000)]
    public async Task Write_OfAnyBody_IsJudged()
    {
        string[] bodies = ["", "null", "[]", "5", "{", "{\"a\":\"\\ud800\"}", new string('[', 5000), "- a", "&a [*a]", "%YAML 9", "? [1]\n: 2", "!!x {}", "\0"];
        string[] types = ["application/json", "application/yaml", "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml", "x"];
        foreach (string body in bodies)
        {
            foreach (string type in types)
            {
                await JudgedAsync("POST", WidgetServer.Widgets(), body, type);
                await JudgedAsync("PUT", WidgetServer.Widgets() + "/f", body, type);
                await JudgedAsync("PATCH", WidgetServer.Widgets() + "/f?fieldManager=m", body, type);
                await JudgedAsync("DELETE", WidgetServer.Widgets() + "/nobody", body, type);
            }
        }
    }

    [TestMethod]
    [Timeout(60_000)]
    [DataRow("limit=9223372036854775807")]
    [DataRow("timeoutSeconds=9223372036854775807")]
    [DataRow("continue=bnVsbA")]
    [DataRow("continue=eyJ2IjoxfQ")]
    [DataRow("labelSelector=a%20in%20(")]
    [DataRow("fieldSelector=metadata.name=%5C")]
    [DataRow("resourceVersion=99999999999999999999999")]
    [DataRow("limit=abc")]
    public async Task List_WithAnyOption_IsJudged(string query) => await JudgedAsync("GET", WidgetServer.Widgets() + "?" + query, null, null);

    [TestMethod]
    public async Task Delete_WithPreconditionsThatAreNone_Is400() =>
        Assert.AreEqual(400, (await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/f", """{"preconditions":[1]}""")).Code);

    private static async Task JudgedAsync(string method, string path, string? body, string? type)
    {
        Answer answer = await s_server.SendAsync(method, path, body, type);

        Assert.IsFalse(answer.Text.Contains("panic", StringComparison.Ordinal), $"{method} {path}\n{body}");
        Assert.IsTrue(answer.Code is >= 200 and < 300 || (string?)answer.Json["kind"] == "Status", $"{method} {path}\n{body}\n{answer.Text}");
    }

    // spec.color and 5 to {"spec":{"color":5}}.
    private static string Nest(string field, string value)
    {
        var text = new StringBuilder();
        string[] steps = field.Split('.');
        foreach (string step in steps)
        {
            text.Append("{\"").Append(step).Append("\":");
        }

        return text.Append(value).Append('}', steps.Length).ToString();
    }
}
