using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>managedFields as they are stored, and the rules of apply that take several managers to show (contract 4.10).</summary>
[TestClass]
public sealed class OwnershipTests
{
    private const string Kubectl = "kubectl.kubernetes.io/last-applied-configuration";

    private static JsonObject Applied(JsonObject? live, string rest, string manager, bool force = false, int seconds = 0) =>
        Widgets.Fields.Apply(live, Widgets.Widget(rest), manager, force, "", Widgets.Now.AddSeconds(seconds));

    private static string Refusal(JsonObject live, string rest, string manager) =>
        Assert.ThrowsExactly<ApplyException>(() => Applied(live, rest, manager)).Message;

    [TestMethod]
    public void M1_M2_Entry_IsWrittenAsUpstreamWritesIt()
    {
        JsonObject live = Applied(null, "{metadata: {labels: {a: x}}, spec: {tags: [t], ports: [{port: 80, name: web}], args: [x], empty: {}, selector: {a: b}}}", "me");

        Assert.AreEqual(
            """[{"manager":"me","operation":"Apply","apiVersion":"example.com/v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":"""
            + """{"f:labels":{"f:a":{}}},"f:spec":{"f:args":{},"f:empty":{},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}},"""
            + """ "f:selector":{},"f:tags":{"v:\"t\"":{}}}}}]""".TrimStart(),
            live["metadata"]!["managedFields"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    [TestMethod]
    public void M1_Apply_OfTheSameManager_IsOneEntry_WhateverItsSubresourceIsNot()
    {
        JsonObject live = Applied(Applied(null, "{spec: {size: 1}}", "me"), "{spec: {size: 1, note: x}}", "me", seconds: 1);
        JsonObject both = Widgets.Fields.Apply(live, Widgets.Widget("{status: {phase: P}}"), "me", false, "status", Widgets.Now);

        Assert.AreEqual("me/Apply: .spec.note .spec.size", Widgets.Owners(live));
        CollectionAssert.AreEquivalent(new[] { "me/Apply: .spec.note .spec.size", "me/Apply/status: .status.phase" }, Widgets.Owners(both).Split('\n'));
    }

    [TestMethod]
    public void M4_Entries_AreAppliesFirst_ThenByTime_ThenByName()
    {
        JsonObject live = Applied(null, "{spec: {size: 1}}", "z-applies", seconds: 30);
        foreach ((string manager, string field, int seconds) in new[] { ("late", "note: x", 20), ("b", "args: [x]", 10), ("a", "tags: [x]", 10) })
        {
            JsonObject next = live.DeepClone().AsObject();
            next["spec"]![field.Split(':')[0]] = Widgets.Yaml($"{{{field}}}")[field.Split(':')[0]]!.DeepClone();
            Widgets.Fields.Update(live, next, manager, "", Widgets.Now.AddSeconds(seconds));
            live = next;
        }

        Assert.AreEqual("z-applies,a,b,late", string.Join(',', live["metadata"]!["managedFields"]!.AsArray().Select(entry => (string)entry!["manager"]!)));
    }

    [TestMethod]
    public void M9_ManagedFieldsOfAStatusRequest_AreNotRead()
    {
        JsonObject live = Applied(null, "{spec: {size: 1}}", "one");
        JsonObject sent = live.DeepClone().AsObject();
        sent["status"] = new JsonObject { ["phase"] = "P" };
        sent["metadata"]!["managedFields"] = new JsonArray(new JsonObject());

        Widgets.Fields.Update(live, sent, "two", "status", Widgets.Now);

        Assert.AreEqual("one/Apply: .spec.size\ntwo/Update/status: .status .status.phase", Widgets.Owners(sent));
    }

    [TestMethod]
    public void M21_M22_FieldOfTwo_StaysWhenOneLeavesIt_AndGoesWithTheLast()
    {
        JsonObject live = Applied(Applied(null, "{spec: {size: 1, note: x}}", "one"), "{spec: {size: 1}}", "two");

        JsonObject left = Applied(live, "{spec: {note: x}}", "one");
        JsonObject gone = Applied(left, "{}", "two");

        Assert.AreEqual("two/Apply: .spec.size\none/Apply: .spec.note .spec.size", Widgets.Owners(live), "the same value is shared, not fought over");
        Assert.AreEqual(1, (long)left["spec"]!["size"]!);
        Assert.AreEqual("two/Apply: .spec.size\none/Apply: .spec.note", Widgets.Owners(left), "who changed nothing has no time, and comes first");
        Assert.AreEqual("""{"note":"x"}""", gone["spec"]!.ToJsonString());
    }

    [TestMethod]
    public void M21_Force_TakesTheFieldFromTheOther()
    {
        JsonObject live = Applied(null, "{spec: {size: 1, note: x}}", "one");

        JsonObject forced = Applied(live, "{spec: {size: 2}}", "two", force: true);
        JsonObject shrunk = Applied(forced, "{spec: {note: x}}", "one");

        Assert.AreEqual("one/Apply: .spec.note\ntwo/Apply: .spec.size", Widgets.Owners(forced));
        Assert.AreEqual(2, (long)shrunk["spec"]!["size"]!, "what was taken is not the first one's to remove");
    }

    [TestMethod]
    public void M26_Sets_TakeNoDuplicates_AndKeepTheOrderOfTheApplied()
    {
        JsonObject live = Applied(null, "{spec: {tags: [a, b, c]}}", "one");

        Assert.AreEqual("""["b","c","a","d"]""", Applied(live, "{spec: {tags: [c, a, d]}}", "two")["spec"]!["tags"]!.ToJsonString());
        StringAssert.Contains(Refusal(live, "{spec: {tags: [a, a]}}", "one"), "duplicate entries for key [=\"a\"]");
        StringAssert.Contains(Refusal(live, "{spec: {ports: [{port: 1}, {port: 1, protocol: TCP}]}}", "one"), "duplicate entries for key [port=1,protocol=\"TCP\"]");
    }

    [TestMethod]
    public void M8_UntrackedObject_AppliedThroughStatus_HadOnlyItsStatusBefore()
    {
        JsonObject live = Widgets.Widget("{spec: {size: 1}}"), ready = Widgets.Widget("{spec: {size: 1}, status: {phase: P}}");

        JsonObject first = Widgets.Fields.Apply(live, Widgets.Widget("{status: {phase: Q}}"), "c", false, "status", Widgets.Now);
        string refusal = Assert.ThrowsExactly<ApplyException>(() => Widgets.Fields.Apply(ready, Widgets.Widget("{status: {phase: Q}}"), "c", false, "status", Widgets.Now)).Message;

        Assert.AreEqual("c/Apply/status: .status.phase", Widgets.Owners(first));
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"before-first-apply\" with subresource \"status\" using example.com/v1: .status.phase", refusal);
    }

    [TestMethod]
    public void M28_Kubectl_RewritesItsAnnotation_AndForcesOnlyWhatItHadApplied()
    {
        JsonObject live = Applied(null, "{spec: {size: 1, note: x}}", "helm");
        live["metadata"]!["annotations"] = new JsonObject { [Kubectl] = """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":1}}""" };
        JsonObject foreign = live.DeepClone().AsObject();
        foreign["metadata"]!["annotations"]![Kubectl] = """{"apiVersion":"example.com/v2","kind":"Widget","spec":{"size":1}}""";

        JsonObject taken = Applied(live, "{spec: {size: 2}}", "kubectl");

        Assert.AreEqual(2, (long)taken["spec"]!["size"]!);
        Assert.AreEqual("""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":2}}""" + "\n", (string?)taken["metadata"]!["annotations"]![Kubectl]);
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"helm\": .spec.note", Refusal(live, "{spec: {size: 2, note: m}}", "kubectl"), "the forced one is not told");
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"helm\": .spec.size", Refusal(live, "{spec: {size: 2}}", "kubectl-2"), "nobody else's to force");
        Assert.AreEqual("Apply failed with 1 conflict: conflict with \"helm\": .spec.size", Refusal(foreign, "{spec: {size: 2}}", "kubectl"), "of another version it says nothing");
    }

    [TestMethod]
    public void M30_M31_Conflicts_AreListedByManager_WithTheirPaths()
    {
        JsonObject live = Applied(null, "{spec: {size: 1, ports: [{port: 80, name: web}], tags: [t]}}", "b");
        live = Applied(live, "{spec: {note: x}}", "a");

        var conflict = Assert.ThrowsExactly<ApplyException>(() => Applied(live, "{spec: {size: 2, note: m, ports: [{port: 80, name: x}]}}", "c"));

        Assert.AreEqual(
            "Apply failed with 3 conflicts: conflicts with \"a\":\n- .spec.note\nconflicts with \"b\":\n- .spec.ports[port=80,protocol=\"TCP\"].name\n- .spec.size", conflict.Message);
        CollectionAssert.AreEqual(
            new[] { "conflict with \"a\" .spec.note", "conflict with \"b\" .spec.ports[port=80,protocol=\"TCP\"].name", "conflict with \"b\" .spec.size" },
            conflict.Conflicts.Select(found => $"{found.Message} {found.Field}").ToArray());
    }

    [TestMethod]
    public void M32_Live_ThatNoLongerFits_IsToldAsSuch()
    {
        JsonObject live = Widgets.Widget("{spec: {size: text}}");

        Assert.AreEqual(
            "failed to create typed live object (/w; example.com/v1, Kind=Widget): .spec.size: expected numeric (int or float), got string", Refusal(live, "{spec: {note: x}}", "one"));
        Assert.AreEqual(
            "failed to create typed patch object (/w; example.com/v1, Kind=Widget): .spec.size: expected numeric (int or float), got string", Refusal(Widgets.Widget("{}"), "{spec: {size: text}}", "one"));
    }
}
