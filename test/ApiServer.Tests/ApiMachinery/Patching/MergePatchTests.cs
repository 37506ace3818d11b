using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Patching;

namespace AiModels.ApiServer.Tests.ApiMachinery.Patching;

/// <summary>RFC 7386, appendix A, as far as objects go (contract P5).</summary>
[TestClass]
public sealed class MergePatchTests
{
    [TestMethod]
    [DataRow("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [DataRow("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [DataRow("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [DataRow("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [DataRow("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [DataRow("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [DataRow("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [DataRow("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [DataRow("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [DataRow("""{}""", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void Apply_OfTheRfc_GivesItsResult(string target, string patch, string expected)
    {
        var original = (JsonObject)JsonNode.Parse(target)!;

        JsonObject result = MergePatch.Apply(original, (JsonObject)JsonNode.Parse(patch)!);

        Assert.IsTrue(JsonNode.DeepEquals(JsonNode.Parse(expected), result), result.ToJsonString());
        Assert.AreEqual(target, original.ToJsonString());
    }
}
