using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Patching;

namespace AiModels.ApiServer.Tests.ApiMachinery.Patching;

/// <summary>RFC 6902 and contract P4.</summary>
[TestClass]
public sealed class JsonPatchTests
{
    private const string Start = """{"a":{"b":[1,2]},"x/y":"s","m~n":null}""";

    [TestMethod]
    [DataRow("""[{"op":"add","path":"/a/c","value":{"d":1}}]""", """{"a":{"b":[1,2],"c":{"d":1}},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"add","path":"/a/b/1","value":9}]""", """{"a":{"b":[1,9,2]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"add","path":"/a/b/-","value":null}]""", """{"a":{"b":[1,2,null]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"remove","path":"/x~1y"}]""", """{"a":{"b":[1,2]},"m~n":null}""")]
    [DataRow("""[{"op":"replace","path":"/m~0n","value":5}]""", """{"a":{"b":[1,2]},"x/y":"s","m~n":5}""")]
    [DataRow("""[{"op":"replace","path":"/a/b/0","value":5}]""", """{"a":{"b":[5,2]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"move","from":"/a/b/0","path":"/z"}]""", """{"a":{"b":[2]},"x/y":"s","m~n":null,"z":1}""")]
    [DataRow("""[{"op":"copy","from":"/a","path":"/z"}]""", """{"a":{"b":[1,2]},"x/y":"s","m~n":null,"z":{"b":[1,2]}}""")]
    [DataRow("""[{"op":"test","path":"/a/b","value":[1,2]},{"op":"test","path":"/none","value":null}]""", Start)]
    [DataRow("""[{"op":"test","path":"/none"},{"op":"test","path":"/m~0n"}]""", Start)]
    [DataRow("""[{"op":"replace","path":"/a/none","value":1}]""", """{"a":{"b":[1,2],"none":1},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"copy","from":"/none","path":"/a"}]""", """{"a":null,"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"add","path":"/a"}]""", """{"a":null,"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"add","path":"/a/b/-1","value":3}]""", """{"a":{"b":[1,2,3]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"remove","path":"/a/b/-2"}]""", """{"a":{"b":[2]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"replace","path":"/a/b/-1","value":3}]""", """{"a":{"b":[1,3]},"x/y":"s","m~n":null}""")]
    [DataRow("""[{"op":"replace","path":"","value":{"z":1}}]""", """{"z":1}""")]
    public void Apply_EachOperation_DoesWhatTheRfcSays(string patch, string expected)
    {
        JsonObject result = JsonPatch.Apply((JsonObject)JsonNode.Parse(Start)!, JsonNode.Parse(patch));

        Assert.IsTrue(JsonNode.DeepEquals(JsonNode.Parse(expected), result), result.ToJsonString());
    }

    [TestMethod]
    [DataRow("""[{"op":"test","path":"/x~1y","value":"t"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"remove","path":"/none"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"replace","path":"/none/deeper","value":1}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"replace","path":"/a/b/2","value":1}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"test","path":"/none/deeper","value":null}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"copy","from":"/none/deeper","path":"/z"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"move","from":"/none","path":"/z"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"add","path":"","value":{}}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"remove","path":""}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"remove","path":"/a/b/-3"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"add","path":"/none/x","value":1}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"add","path":"/a/b/7","value":1}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"move","from":"/a","path":"/a/b"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"replace","path":"","value":3}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"frobnicate","path":"/a"}]""", PatchProblem.Rejected)]
    [DataRow("""[{"op":"add","path":"a","value":1}]""", PatchProblem.Rejected)]
    [DataRow("""[{"path":"/a"}]""", PatchProblem.Rejected)]
    [DataRow("""[1]""", PatchProblem.Malformed)]
    [DataRow("""[{"op":5}]""", PatchProblem.Malformed)]
    [DataRow("""[{"op":"move","from":{}}]""", PatchProblem.Malformed)]
    [DataRow("""{"a":1}""", PatchProblem.Malformed)]
    public void Apply_WhatCannotBeDone_SaysWhy(string patch, PatchProblem problem)
    {
        var exception = Assert.ThrowsExactly<PatchException>(() => JsonPatch.Apply((JsonObject)JsonNode.Parse(Start)!, JsonNode.Parse(patch)));

        Assert.AreEqual(problem, exception.Problem, exception.Message);
    }

    [TestMethod]
    public void Apply_TooManyOperations_IsTooLarge()
    {
        var patch = new JsonArray();
        for (int i = 0; i < 10001; i++)
        {
            patch.Add(new JsonObject());
        }

        var exception = Assert.ThrowsExactly<PatchException>(() => JsonPatch.Apply([], patch));

        Assert.AreEqual(PatchProblem.TooLarge, exception.Problem);
        Assert.AreEqual("The allowed maximum operations in a JSON patch is 10000, got 10001", exception.Message);
    }

    [TestMethod]
    public void Apply_CopyBomb_IsTooLarge()
    {
        var patch = (JsonArray)JsonNode.Parse("""[{"op":"add","path":"/l","value":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}]""")!;
        for (int i = 0; i < 40; i++)
        {
            patch.Add(JsonNode.Parse("""{"op":"copy","from":"/l","path":"/l/-"}"""));
        }

        var exception = Assert.ThrowsExactly<PatchException>(() => JsonPatch.Apply([], patch));

        Assert.AreEqual(PatchProblem.TooLarge, exception.Problem);
    }
}
