using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>Errors and the small rules of writes, word for word (contract 4.1 to 4.3, 4.7, 4.9).</summary>
[TestClass]
public sealed class StatusTests
{
    private static WidgetServer s_server = null!;

    [ClassInitialize]
    public static async Task StartAsync(TestContext context) => s_server = await WidgetServer.StartAsync(widget: WidgetServer.Widget with { Strategy = new Strict() });

    [ClassCleanup]
    public static async Task StopAsync() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task E1_E4_E12_Error_IsAStatusWithItsCode_WhateverTheTransform()
    {
        Answer table = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/gone", accept: "application/json;as=Table;v=v1;g=meta.k8s.io");
        Answer unacceptable = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/gone", accept: "image/png");

        Assert.AreEqual(
            """{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"widgets.example.com \"gone\" not found","reason":"NotFound","details":{"name":"gone","group":"example.com","kind":"widgets"},"code":404}"""
            + "\n", table.Text);
        Assert.AreEqual(406, unacceptable.Code);
        StringAssert.StartsWith(unacceptable.Text, "{\n  \"kind\": \"Status\"");
    }

    [TestMethod]
    public async Task E4_E5_E6_FieldErrors_AreJoined_AndEachIsACause()
    {
        JsonObject widget = WidgetServer.New("e5");
        widget["spec"] = new JsonObject { ["color"] = "forbidden", ["size"] = -1 };

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.AreEqual(422, answer.Code);
        Assert.AreEqual(
            "Widget.example.com \"e5\" is invalid: [spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0, "
            + "spec.color: Unsupported value: \"forbidden\": supported values: \"blue\", \"red\", spec.text: Required value: with that color]", answer.Message);
        Assert.AreEqual("Invalid", (string?)answer.Json["reason"]);
        Assert.AreEqual("Widget", (string?)answer.Json["details"]!["kind"]);
        CollectionAssert.AreEqual(
            new[] { "FieldValueInvalid spec.size", "FieldValueNotSupported spec.color", "FieldValueRequired spec.text" },
            answer.Json["details"]!["causes"]!.AsArray().Select(cause => $"{cause!["reason"]} {cause["field"]}").ToArray());
        Assert.AreEqual("Required value: with that color", (string?)answer.Json["details"]!["causes"]![2]!["message"]);
    }

    [TestMethod]
    public async Task E11_Warnings_AreEscaped_AndSaidOnce()
    {
        JsonObject widget = WidgetServer.New("e11");
        widget["metadata"]!["finalizers"] = new JsonArray("bare");
        widget["spec"]!["a\"b"] = 1;

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.AreEqual(201, answer.Code, answer.Text);
        StringAssert.Contains(answer.Header("Warning"), "299 - \"unknown field \\\"spec.a\\\"b\\\"\"");
        StringAssert.Contains(answer.Header("Warning"), "prefer a domain-qualified finalizer name");
    }

    [TestMethod]
    public async Task B3_B4_B5_Metadata_ThatCannotBe_IsInvalid()
    {
        JsonObject widget = WidgetServer.New("b3");
        widget["metadata"]!["annotations"] = new JsonObject { ["big"] = new string('x', 262145) };
        widget["metadata"]!["finalizers"] = new JsonArray("orphan", "foregroundDeletion");
        widget["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Event", ["name"] = "e", ["uid"] = "1" });

        Answer answer = await s_server.SendAsync("POST", WidgetServer.Widgets(), widget);

        Assert.AreEqual(422, answer.Code);
        StringAssert.Contains(answer.Message, "metadata.annotations: Too long: may not be more than 262144 bytes");
        StringAssert.Contains(answer.Message, "finalizer orphan and foregroundDeletion cannot be both set");
        StringAssert.Contains(answer.Message, "is disallowed from being an owner");
    }

    [TestMethod]
    public async Task B6_U5_Update_OfFieldsOfTheServer_KeepsThem()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("u5"));
        JsonObject sent = stored.DeepClone().AsObject();
        sent["metadata"]!["creationTimestamp"] = "2001-01-01T00:00:00Z";
        sent["metadata"]!["generation"] = 99;
        sent["metadata"]!["selfLink"] = "/x";
        sent["metadata"]!["uid"] = "";

        Answer kept = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u5", sent);
        sent["metadata"]!["deletionTimestamp"] = "2001-01-01T00:00:00Z";
        Answer deleted = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/u5", sent);

        Assert.AreEqual(200, kept.Code, kept.Text);
        Assert.AreEqual(stored.ToJsonString(), kept.Json.ToJsonString());
        Assert.AreEqual(422, deleted.Code);
        StringAssert.Contains(deleted.Message, "metadata.deletionTimestamp: Invalid value:");
    }

    [TestMethod]
    public async Task B8_B9_ResourceVersions_AreOneRisingLineForAllObjects()
    {
        long last = 0;
        foreach (string ns in new[] { "b8-a", "b8-b", "b8-a" })
        {
            JsonObject stored = await s_server.CreateAsync(WidgetServer.New("w" + last), ns);
            string version = (string)stored["metadata"]!["resourceVersion"]!;
            StringAssert.Matches(version, new("^[1-9][0-9]*$"));
            Assert.IsTrue(long.Parse(version) > last);
            last = long.Parse(version);
            Assert.IsNull(stored["metadata"]!["selfLink"]);
        }

        string list = (string)(await s_server.SendAsync("GET", WidgetServer.Widgets("b8-a"))).Json["metadata"]!["resourceVersion"]!;
        Assert.IsTrue(long.Parse(list) >= last);
    }

    [TestMethod]
    public async Task W5_ResourceVersion_ThatIsNoNumber_Is500WithoutReason()
    {
        await s_server.CreateAsync(WidgetServer.New("w5"));

        Answer watch = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?watch=1&resourceVersion=abc");
        Answer get = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/w5?resourceVersion=abc");
        Answer list = await s_server.SendAsync("GET", WidgetServer.Widgets() + "?resourceVersion=abc");

        Assert.AreEqual((500, 500, 400), (watch.Code, get.Code, list.Code));
        Assert.IsNull(watch.Json["reason"]);
    }

    [TestMethod]
    [DataRow("?gracePeriodSeconds=0", null, 200)]
    [DataRow("?gracePeriodSeconds=30", null, 200)]
    [DataRow("", """{"gracePeriodSeconds":0}""", 200)]
    [DataRow("", """{"gracePeriodSeconds":-1}""", 200)]
    [DataRow("", """{"gracePeriodSeconds":"soon"}""", 400)]
    [DataRow("?gracePeriodSeconds=soon", null, 400)]
    public async Task X8_GracePeriod_IsReadAndMeansNothingHere(string query, string? body, int code)
    {
        JsonObject widget = WidgetServer.New("x8");
        widget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.SendAsync("POST", WidgetServer.Widgets("x8"), widget);

        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets("x8") + "/x8" + query, body);

        Assert.AreEqual(code, answer.Code, answer.Text);
        if (code == 200)
        {
            Assert.AreEqual(0, (int)answer.Json["metadata"]!["deletionGracePeriodSeconds"]!);
        }
    }

    [TestMethod]
    public async Task X2_Delete_ExplicitlyNotOrphaning_Is202WhileItWaits()
    {
        JsonObject widget = WidgetServer.New("x2");
        widget["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        await s_server.CreateAsync(widget, "x2");

        Answer answer = await s_server.SendAsync("DELETE", WidgetServer.Widgets("x2") + "/x2", """{"orphanDependents":false}""");

        Assert.AreEqual(202, answer.Code);
        Assert.AreEqual("Widget", (string?)answer.Json["kind"]);
    }

    [TestMethod]
    public async Task X12_OptionsForUnreadableObjects_AreIgnored()
    {
        await s_server.CreateAsync(WidgetServer.New("x12"));

        Assert.AreEqual(200, (await s_server.SendAsync("DELETE", WidgetServer.Widgets() + "/x12?ignoreStoreReadErrorWithClusterBreakingPotential=false")).Code);
    }

    [TestMethod]
    public async Task L15_List_AfterAnAcknowledgedWrite_ShowsIt()
    {
        for (int i = 0; i < 20; i++)
        {
            await s_server.CreateAsync(WidgetServer.New($"l{i}"), "l15");
            Assert.HasCount(i + 1, (await s_server.SendAsync("GET", WidgetServer.Widgets("l15"))).Json["items"]!.AsArray());
        }
    }

    [TestMethod]
    public async Task N2_N3_N6_TypedClients_GetJson_AndMayNotSendProtobuf()
    {
        await s_server.CreateAsync(WidgetServer.New("n2"));

        Answer typed = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/n2", accept: "application/vnd.kubernetes.protobuf,application/json");
        Answer parameters = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/n2", accept: "application/json;charset=utf-8;profile=nopeer");
        Answer half = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/n2", accept: "application/json;as=Table;v=v9;g=meta.k8s.io,application/json");
        Answer cbor = await s_server.SendAsync("POST", WidgetServer.Widgets(), "x", "application/cbor");

        Assert.AreEqual("application/json", typed.Header("Content-Type"));
        Assert.AreEqual(200, parameters.Code);
        Assert.AreEqual("Widget", (string?)half.Json["kind"]);
        Assert.AreEqual(415, cbor.Code);
        Assert.AreEqual("UnsupportedMediaType", (string?)cbor.Json["reason"]);
    }

    [TestMethod]
    public async Task V9_UnknownQueryParameters_AreIgnored() =>
        Assert.AreEqual(201, (await s_server.SendAsync("POST", WidgetServer.Widgets("v9") + "?somebody=else", WidgetServer.New("v9"))).Code);

    [TestMethod]
    public async Task V1_V2_DryRunOfAnUpdate_KeepsTheStoredVersion()
    {
        JsonObject stored = await s_server.CreateAsync(WidgetServer.New("v2"));
        stored["spec"]!["color"] = "blue";

        Answer dry = await s_server.SendAsync("PUT", WidgetServer.Widgets() + "/v2?dryRun=All", stored);
        Answer live = await s_server.SendAsync("GET", WidgetServer.Widgets() + "/v2");

        Assert.AreEqual((string?)stored["metadata"]!["resourceVersion"], (string?)dry.Json["metadata"]!["resourceVersion"]);
        Assert.AreEqual("blue", (string?)dry.Json["spec"]!["color"]);
        Assert.AreEqual("red", (string?)live.Json["spec"]!["color"]);
    }

    [TestMethod]
    public async Task W6_K5_ObjectsListsAndBookmarks_ShareOneNumberLine()
    {
        JsonObject a = await s_server.CreateAsync(WidgetServer.New("a"), "w6");
        string list = (string)(await s_server.SendAsync("GET", WidgetServer.Widgets("w6"))).Json["metadata"]!["resourceVersion"]!;
        JsonObject b = await s_server.CreateAsync(WidgetServer.New("b"), "w6");

        // A dashboard goes on from the last object it saw, kubectl from the list.
        foreach (string version in new[] { (string)a["metadata"]!["resourceVersion"]!, list })
        {
            Answer watch = await s_server.SendAsync("GET", WidgetServer.Widgets("w6") + "?watch=1&timeoutSeconds=1&resourceVersion=" + version);
            JsonNode change = JsonNode.Parse(watch.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Single())!;
            Assert.AreEqual((string?)b["metadata"]!["resourceVersion"], (string?)change["object"]!["metadata"]!["resourceVersion"]);
        }
    }

    [TestMethod]
    public async Task W20_Events_AreOneLineEach()
    {
        await s_server.CreateAsync(WidgetServer.New("a"), "w20");
        await s_server.CreateAsync(WidgetServer.New("b"), "w20");

        Answer watch = await s_server.SendAsync("GET", WidgetServer.Widgets("w20") + "?watch=1&timeoutSeconds=1");

        StringAssert.EndsWith(watch.Text, "}\n");
        Assert.HasCount(2, watch.Text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)).ToArray());
    }

    /// <summary>Colours are red and blue; any other needs a text as well.</summary>
    private sealed class Strict : IResourceStrategy
    {
        public IEnumerable<FieldError> Validate(JsonObject current, JsonObject? previous)
        {
            if ((string?)current["spec"]?["color"] is "forbidden" and { } color)
            {
                yield return FieldError.NotSupported("spec.color", color, ["blue", "red"]);
                yield return FieldError.Required("spec.text", "with that color");
            }
        }
    }
}
