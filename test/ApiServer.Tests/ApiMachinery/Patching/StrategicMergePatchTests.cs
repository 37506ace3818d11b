using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiServer.Tests.ApiMachinery.Apply;

namespace AiModels.ApiServer.Tests.ApiMachinery.Patching;

/// <summary>Directives and list strategies; the kind's schema says what merges how.</summary>
[TestClass]
public sealed class StrategicMergePatchTests
{
    private static string Patched(string spec, string patch)
    {
        JsonObject live = Widgets.Widget($"{{spec: {spec}}}");
        string before = live.ToJsonString();

        JsonObject result = StrategicMergePatch.Apply(Widgets.Definition.Schema, live, Widgets.Yaml($"{{spec: {patch}}}"));

        Assert.AreEqual(before, live.ToJsonString());
        return result["spec"]?.ToJsonString() ?? "";
    }

    [TestMethod]
    [DataRow("{size: 1, note: a}", "{note: null, size: 2}", """{"size":2}""")]
    [DataRow("{args: [a, b]}", "{args: [c]}", """{"args":["c"]}""")]
    [DataRow("{tags: [a, b]}", "{tags: [b, c]}", """{"tags":["a","b","c"]}""")]
    [DataRow("{tags: [a, b]}", "{$deleteFromPrimitiveList/tags: [a]}", """{"tags":["b"]}""")]
    [DataRow("{tags: [a, b, x]}", "{tags: [c], $setElementOrder/tags: [c, b, a]}", """{"tags":["x","c","b","a"]}""")]
    [DataRow("{ports: [{port: 1, name: a}, {port: 2}]}", "{ports: [{port: 2, name: b}]}", """{"ports":[{"port":1,"name":"a"},{"port":2,"name":"b"}]}""")]
    [DataRow("{ports: [{port: 1}, {port: 2}]}", "{ports: [{port: 1, $patch: delete}, {port: 3}]}", """{"ports":[{"port":2},{"port":3}]}""")]
    [DataRow("{ports: [{port: 1}, {port: 2}]}", "{ports: [{port: 9}, {$patch: replace}]}", """{"ports":[{"port":9}]}""")]
    [DataRow("{ports: [{port: 1}, {port: 2}]}", "{$setElementOrder/ports: [{port: 2}, {port: 1}]}", """{"ports":[{"port":2},{"port":1}]}""")]
    [DataRow("{ports: [{port: 53, protocol: UDP}, {port: 53}]}", "{ports: [{port: 53, protocol: TCP, name: t}]}", """{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP","name":"t"}]}""")]
    [DataRow("{ports: [{port: 1, options: {a: x}}]}", "{ports: [{port: 1, options: {b: z}}]}", """{"ports":[{"port":1,"options":{"a":"x","b":"z"}}]}""")]
    [DataRow("{config: {a: 1, b: 2}}", "{config: {$patch: replace, c: 3}}", """{"config":{"c":3}}""")]
    [DataRow("{config: {a: 1}, size: 1}", "{config: {$patch: delete}}", """{"size":1}""")]
    [DataRow("{config: {a: 1, b: 2}}", "{config: {$retainKeys: [b, c], c: 3}}", """{"config":{"b":2,"c":3}}""")]
    [DataRow("{}", "{ports: [{port: 1, $patch: delete}], config: {a: null, b: 1}}", """{"ports":[],"config":{"b":1}}""")]
    public void Apply_ByStrategy_GivesWhatUpstreamWould(string spec, string patch, string expected)
    {
        string result = Patched(spec, patch);

        Assert.IsTrue(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(result)), result);
    }

    [TestMethod]
    [DataRow("{config: {$patch: frobnicate}}", "unknown patch type found: frobnicate in map")]
    [DataRow("{ports: [{name: x}]}", "map: {\"name\":\"x\"} does not contain declared merge key: port")]
    [DataRow("{ports: [5]}", "a list that is merged by key holds something that is no map")]
    [DataRow("{$deleteFromPrimitiveList/tags: 5}", "$deleteFromPrimitiveList/tags must be a list")]
    public void Apply_WhatMakesNoSense_IsMalformed(string patch, string message)
    {
        var failure = Assert.ThrowsExactly<PatchException>(() => Patched("{tags: [a], ports: [{port: 1}]}", patch));

        Assert.AreEqual(PatchProblem.Malformed, failure.Problem);
        Assert.AreEqual(message, failure.Message);
    }
}
