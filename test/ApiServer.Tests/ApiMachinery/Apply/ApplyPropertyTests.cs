using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiServer.Tests.ApiMachinery.Apply;

/// <summary>What must hold for any sequence of applies and updates. Seeds are fixed, so a failure repeats.</summary>
[TestClass]
public sealed class ApplyPropertyTests
{
    private static readonly string[] Managers = ["a", "b", "kubectl"];

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    public void ApplyAndUpdate_InAnyOrder_KeepTheirPromises(int seed)
    {
        var random = new Random(seed);
        JsonObject? live = null;
        for (int step = 0; step < 500; step++)
        {
            DateTimeOffset now = Widgets.Now.AddSeconds(step);
            string manager = Managers[random.Next(Managers.Length)];
            JsonObject document = RandomWidget(random);
            if (live is not null && random.Next(3) == 0)
            {
                document["metadata"]!["managedFields"] = live["metadata"]!["managedFields"]?.DeepClone();
                Widgets.Fields.Update(live, document, manager, "", now);
                live = document;
                CheckOwnersExist(live);
                continue;
            }

            JsonObject result;
            try
            {
                result = Widgets.Fields.Apply(live, document, manager, force: random.Next(2) == 0, "", now);
            }
            catch (ApplyException conflict) when (conflict.Problem == ApplyProblem.Conflict)
            {
                Assert.IsNotEmpty(conflict.Conflicts);
                continue;
            }

            CheckContains(document, result, "");
            CheckOwnersExist(result);
            JsonObject again = Widgets.Fields.Apply(result, document, manager, force: false, "", now.AddSeconds(1));
            Assert.AreEqual(result.ToJsonString(), again.ToJsonString(), $"seed {seed}, step {step}: applying twice changes nothing");
            Assert.IsTrue(ObjectMetadata.IsUnchanged(again, result));
            live = result;
        }

        Assert.IsNotNull(live);
    }

    [TestMethod]
    public void Apply_ThenApplyNothing_LeavesWhatOthersOwn()
    {
        var random = new Random(7);
        for (int i = 0; i < 200; i++)
        {
            JsonObject first = RandomWidget(random), second = RandomWidget(random);
            JsonObject one = Widgets.Fields.Apply(null, first, "one", false, "", Widgets.Now);
            JsonObject both = Widgets.Fields.Apply(one, second, "two", true, "", Widgets.Now);
            JsonObject back = Widgets.Fields.Apply(both, Widgets.Widget("{}"), "one", true, "", Widgets.Now);

            CheckContains(second, back, "");
            JsonObject none = Widgets.Fields.Apply(back, Widgets.Widget("{}"), "two", true, "", Widgets.Now);
            Assert.IsFalse(none.ContainsKey("spec"), none.ToJsonString());
        }
    }

    [TestMethod]
    public void FieldSets_Random_SurviveEncoding()
    {
        var random = new Random(3);
        for (int i = 0; i < 200; i++)
        {
            FieldSet set = AppliedFields.Of(Widgets.Definition.Schema, RandomWidget(random));

            FieldSet decoded = FieldSet.FromJson((JsonObject)JsonNode.Parse(set.ToJson().ToJsonString())!);

            Assert.IsTrue(set.SameAs(decoded));
            Assert.IsTrue(set.Except(set).IsEmpty);
            Assert.IsTrue(set.Union(set).SameAs(set));
            Assert.IsTrue(set.Intersect(set).SameAs(set));
        }
    }

    /// <summary>Every value that was applied is there.</summary>
    private static void CheckContains(JsonNode? applied, JsonNode? result, string path)
    {
        switch (applied)
        {
            case JsonObject obj when path != ".spec.selector":
                foreach ((string name, JsonNode? value) in obj)
                {
                    CheckContains(value, (result as JsonObject)?[name], $"{path}.{name}");
                }

                break;
            case JsonArray list when path is ".spec.tags":
                Assert.IsTrue(list.All(item => ((JsonArray)result!).Any(other => JsonKinds.Same(item, other))), path);
                break;
            case JsonArray list when path is ".spec.ports":
                foreach (JsonNode? item in list)
                {
                    CheckContains(item, ((JsonArray)result!).Single(other => (long)other!["port"]! == (long)item!["port"]!), path + "[]");
                }

                break;
            default:
                Assert.IsTrue(JsonKinds.Same(applied, result), $"{path}: {applied?.ToJsonString()} became {result?.ToJsonString()}");
                break;
        }
    }

    /// <summary>Nobody owns a field that is not there.</summary>
    private static void CheckOwnersExist(JsonObject obj)
    {
        Comparison everything = Comparison.Of(Widgets.Definition.Schema, [], obj);
        foreach (JsonNode? entry in obj["metadata"]!["managedFields"] as JsonArray ?? [])
        {
            FieldSet dangling = FieldSet.FromJson((JsonObject)entry!["fieldsV1"]!).Except(everything.Added);
            Assert.IsTrue(dangling.IsEmpty, string.Join(' ', dangling.Paths()) + " in " + obj.ToJsonString());
        }
    }

    private static JsonObject RandomWidget(Random random)
    {
        var spec = new JsonObject();
        Maybe("size", () => random.Next(3));
        Maybe("note", () => "n" + random.Next(3));
        Maybe("limit", () => random.Next(2) == 0 ? 5 : "5%");
        Maybe("ports", () => new JsonArray([.. Enumerable.Range(80, 4).Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next()).Select(Port)]));
        Maybe("tags", () => new JsonArray([.. Enumerable.Range(0, 5).Where(_ => random.Next(2) == 0).OrderBy(_ => random.Next()).Select(n => JsonValue.Create($"t{n}"))]));
        Maybe("args", () => new JsonArray([.. Enumerable.Range(0, random.Next(3)).Select(n => JsonValue.Create($"a{random.Next(2)}"))]));
        Maybe("selector", () => new JsonObject { [$"s{random.Next(2)}"] = "x" });
        Maybe("config", () => new JsonObject { ["k"] = Deep(3) });
        Maybe("empty", () => new JsonObject());
        JsonObject widget = Widgets.Widget("{}");
        if (spec.Count > 0)
        {
            widget["spec"] = spec;
        }

        if (random.Next(2) == 0)
        {
            widget["metadata"]!["labels"] = new JsonObject { [$"l{random.Next(3)}"] = $"{random.Next(2)}" };
        }

        return Widgets.Yaml(widget.ToJsonString());

        void Maybe(string name, Func<JsonNode> value)
        {
            if (random.Next(2) == 0)
            {
                spec[name] = value();
            }
        }

        JsonNode? Port(int number)
        {
            var port = new JsonObject { ["port"] = number };
            if (random.Next(2) == 0)
            {
                port["name"] = "p" + random.Next(2);
            }

            if (random.Next(3) == 0)
            {
                port["options"] = new JsonObject { [$"o{random.Next(2)}"] = "v" };
            }

            return port;
        }

        JsonNode Deep(int depth) => depth == 0 || random.Next(3) == 0
            ? random.Next(3)
            : new JsonObject(Enumerable.Range(0, random.Next(3)).Select(n => KeyValuePair.Create($"k{n}", (JsonNode?)Deep(depth - 1))));
    }
}
