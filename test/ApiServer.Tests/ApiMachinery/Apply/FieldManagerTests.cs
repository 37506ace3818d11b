using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>Contract M1-M33, what the scenarios do not show.</summary>
[TestClass]
public sealed class FieldManagerTests
{
    private static JsonObject Created(string rest, string manager = "creator")
    {
        JsonObject widget = Widgets.Widget(rest);
        Widgets.Fields.Update(null, widget, manager, "", Widgets.Now);
        return widget;
    }

    private static JsonObject Updated(JsonObject live, string rest, string manager, string subresource = "", int seconds = 0)
    {
        JsonObject widget = Widgets.Widget(rest);
        if (live["metadata"]!["managedFields"] is { } fields)
        {
            widget["metadata"]!["managedFields"] = fields.DeepClone();
        }

        Widgets.Fields.Update(live, widget, manager, subresource, Widgets.Now.AddSeconds(seconds));
        return widget;
    }

    [TestMethod]
    public void M1_M2_M3_Update_Create_OwnsEverythingButIdentityAndStatus() => Assert.AreEqual(
        "creator/Update: .metadata.labels .metadata.labels.a .spec .spec.args .spec.ports .spec.ports[port=80,protocol=\"TCP\"] .spec.ports[port=80,protocol=\"TCP\"].port .spec.tags .spec.tags[=\"t\"]",
        Widgets.Owners(Created("{metadata: {labels: {a: x}, uid: u, generation: 1}, spec: {args: [x], tags: [t], ports: [{port: 80}]}, status: {phase: P}}")));

    [TestMethod]
    public void M4_M5_Update_ChangedField_MovesToTheUpdater()
    {
        JsonObject live = Created("{spec: {size: 1, note: text}}");

        JsonObject after = Updated(live, "{spec: {size: 2, note: text}}", "other", seconds: 1);

        Assert.AreEqual("creator/Update: .spec .spec.note\nother/Update: .spec.size", Widgets.Owners(after));
    }

    [TestMethod]
    public void M5_Update_RemovedField_LeavesEverySet()
    {
        JsonObject live = Updated(Created("{spec: {size: 1, note: text}}"), "{spec: {size: 1, note: m}}", "other");

        JsonObject after = Updated(live, "{spec: {size: 1}}", "third");

        Assert.AreEqual("creator/Update: .spec .spec.size", Widgets.Owners(after));
    }

    [TestMethod]
    public void M6_Update_SameManagerAgain_ExtendsItsEntry()
    {
        JsonObject after = Updated(Created("{spec: {size: 1}}"), "{spec: {size: 1, note: text}}", "creator", seconds: 9);

        Assert.AreEqual("creator/Update: .spec .spec.note .spec.size", Widgets.Owners(after));
        Assert.AreEqual("2026-01-02T03:04:14Z", (string?)after["metadata"]!["managedFields"]![0]!["time"]);
    }

    [TestMethod]
    public void M6_Update_NothingChanged_KeepsTheTime()
    {
        JsonObject live = Created("{spec: {size: 1}}");

        JsonObject after = Updated(live, "{spec: {size: 1}}", "creator", seconds: 9);

        Assert.AreEqual(live.ToJsonString(), after.ToJsonString());
        Assert.IsTrue(ObjectMetadata.IsUnchanged(after, live));
    }

    [TestMethod]
    public void M11_Update_ThroughStatus_OwnsStatusOnly()
    {
        JsonObject after = Updated(Created("{spec: {size: 1}}"), "{spec: {size: 1}, status: {phase: P}}", "controller", "status", 1);

        Assert.AreEqual("creator/Update: .spec .spec.size\ncontroller/Update/status: .status .status.phase", Widgets.Owners(after));
    }

    [TestMethod]
    public void M9_Update_ManagedFieldsReset_ForgetsAndNoLongerTracks()
    {
        JsonObject live = Created("{spec: {size: 1}}");
        JsonObject reset = Widgets.Widget("{metadata: {managedFields: [{}]}, spec: {size: 1}}");

        Widgets.Fields.Update(live, reset, "m", "", Widgets.Now);
        JsonObject after = Updated(reset, "{spec: {size: 2}}", "m");

        Assert.IsNull(reset["metadata"]!["managedFields"]);
        Assert.IsNull(after["metadata"]!["managedFields"]);
    }

    [TestMethod]
    [DataRow("[]")]
    [DataRow("[{manager: m, operation: Nonsense, apiVersion: example.com/v1, fieldsType: FieldsV1}]")]
    [DataRow("[{manager: m, operation: Update, apiVersion: example.com/v1, fieldsType: FieldsV1, fieldsV1: {oops: {}}}]")]
    public void M9_Update_UnreadableManagedFields_KeepTheLiveOnes(string sent)
    {
        JsonObject live = Created("{spec: {size: 1}}");
        JsonObject after = Widgets.Widget($"{{metadata: {{managedFields: {sent}}}, spec: {{size: 1}}}}");

        Widgets.Fields.Update(live, after, "m", "", Widgets.Now);

        Assert.AreEqual(Widgets.Owners(live), Widgets.Owners(after));
    }

    [TestMethod]
    public void M9_Update_SentManagedFields_AreTheNewBase()
    {
        JsonObject live = Created("{spec: {size: 1}}");
        JsonObject after = Widgets.Widget("{metadata: {managedFields: [{manager: kubectl, operation: Apply, apiVersion: example.com/v1, fieldsType: FieldsV1, fieldsV1: {f:spec: {f:size: {}}}}]}, spec: {size: 1}}");

        Widgets.Fields.Update(live, after, "m", "", Widgets.Now);

        Assert.AreEqual("kubectl/Apply: .spec.size", Widgets.Owners(after));
        Assert.IsFalse(ObjectMetadata.IsUnchanged(after, live));
    }

    [TestMethod]
    public void M7_Update_ManyManagers_AreCapped()
    {
        JsonObject live = Created("{spec: {config: {m0: 0}}}", "m0");
        for (int i = 1; i < 15; i++)
        {
            string fields = string.Join(", ", Enumerable.Range(0, i + 1).Select(n => $"m{n}: {n}"));
            live = Updated(live, $"{{spec: {{config: {{{fields}}}}}}}", $"m{i}", seconds: i);
        }

        string[] owners = Widgets.Owners(live).Split('\n');

        Assert.HasCount(ManagedFields.MaximumUpdateEntries, owners);
        Assert.StartsWith("ancient-changes/Update: .spec .spec.config .spec.config.m0 .spec.config.m1 ", owners[0]);
        Assert.AreEqual("m14/Update: .spec.config.m14", owners[^1]);
    }

    [TestMethod]
    public void M30_Apply_ConflictCauses_AreNamed()
    {
        JsonObject live = Created("{spec: {size: 1}}");

        var conflict = Assert.ThrowsExactly<ApplyException>(() => Widgets.Fields.Apply(live, Widgets.Widget("{spec: {size: 2}}"), "a", false, "", Widgets.Now));

        Assert.AreEqual(ApplyProblem.Conflict, conflict.Problem);
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"creator\" using example.com/v1: .spec.size", conflict.Message);
        Assert.AreEqual(new ApplyConflict("conflict with \"creator\" using example.com/v1", ".spec.size"), conflict.Conflicts.Single());
    }

    [TestMethod]
    public void M30_Apply_ConflictThroughStatus_NamesTheSubresource()
    {
        JsonObject live = Updated(Created("{spec: {size: 1}}"), "{spec: {size: 1}, status: {phase: P}}", "c", "status");

        var conflict = Assert.ThrowsExactly<ApplyException>(() => Widgets.Fields.Apply(live, Widgets.Widget("{status: {phase: Q}}"), "a", false, "status", Widgets.Now));

        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"c\" with subresource \"status\" using example.com/v1: .status.phase", conflict.Message);
    }

    [TestMethod]
    public void M11_Apply_StatusOnTheMainResource_IsNobodys()
    {
        JsonObject live = Updated(Created("{spec: {size: 1}}"), "{spec: {size: 1}, status: {phase: P}}", "c", "status");

        JsonObject after = Widgets.Fields.Apply(live, Widgets.Widget("{spec: {note: text}, status: {phase: Q}}"), "a", false, "", Widgets.Now);

        Assert.StartsWith("a/Apply: .spec.note\n", Widgets.Owners(after));
    }

    [TestMethod]
    public void M26_M31_Apply_AtomicFields_AreReplacedAndConflictAsAWhole()
    {
        JsonObject live = Widgets.Fields.Apply(null, Widgets.Widget("{spec: {args: [a], selector: {x: '1'}}}"), "one", false, "", Widgets.Now);

        var conflict = Assert.ThrowsExactly<ApplyException>(
            () => Widgets.Fields.Apply(live, Widgets.Widget("{spec: {args: [b], selector: {y: '2'}}}"), "two", false, "", Widgets.Now));
        JsonObject forced = Widgets.Fields.Apply(live, Widgets.Widget("{spec: {args: [b], selector: {y: '2'}}}"), "two", true, "", Widgets.Now);

        CollectionAssert.AreEqual(new[] { ".spec.args", ".spec.selector" }, conflict.Conflicts.Select(c => c.Field).ToArray());
        Assert.AreEqual("""{"args":["b"],"selector":{"y":"2"}}""", forced["spec"]!.ToJsonString());
        Assert.AreEqual("two/Apply: .spec.args .spec.selector", Widgets.Owners(forced));
    }

    [TestMethod]
    [DataRow("{apiVersion: example.com/v2, kind: Widget}", "invalid object type: example.com/v2, Kind=Widget")]
    [DataRow("{apiVersion: example.com/v1}", "invalid object type: example.com/v1, Kind=")]
    [DataRow("{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, managedFields: [{manager: x}]}}", "metadata.managedFields must be nil")]
    public void M20_Apply_BadDocument_IsABadRequest(string yaml, string message)
    {
        var failure = Assert.ThrowsExactly<ApplyException>(() => Widgets.Fields.Apply(null, Widgets.Yaml(yaml), "a", false, "", Widgets.Now));

        Assert.AreEqual(ApplyProblem.BadRequest, failure.Problem);
        Assert.AreEqual(message, failure.Message);
    }

    [TestMethod]
    public void M26_M32_Apply_ItemWithoutItsKey_IsRefused()
    {
        var failure = Assert.ThrowsExactly<ApplyException>(() => Widgets.Fields.Apply(null, Widgets.Widget("{spec: {ports: [{name: x}]}}"), "a", false, "", Widgets.Now));

        Assert.AreEqual(ApplyProblem.NotInSchema, failure.Problem);
        Assert.EndsWith(".spec.ports: element 0: associative list with keys has an element that omits key field \"port\" (and doesn't have default value)", failure.Message);
    }
}
