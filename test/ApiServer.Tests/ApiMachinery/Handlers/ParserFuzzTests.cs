using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission.Cel;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Handlers;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Selectors;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiServer.Tests.ApiMachinery.Handlers;

/// <summary>
/// Every parser of what clients send, fed with good inputs that were cut, doubled, swapped and spoilt. Each input is either read or refused by the parser's
/// own exception; anything else is a defect. The seed is in the output; the same seed makes the same inputs.
/// </summary>
[TestClass]
public sealed class ParserFuzzTests
{
    // Some seconds in all: enough to walk over every branch many times, measured by counting what is accepted and refused.
    private const int Rounds = 20_000;

    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ":", ",", "\"", "'", "\\", "null", "true", "1e999", "-", "0", "99999999999999999999", "\n", "\t", " ", "&a", "*a", "!!", "|", ">", "#", "---", "? ",
        "in", "notin", "(", ")", "=", "==", "!=", "!", "<", ">", "f:", "k:", "v:", "i:", ".", "~0", "~1", "/", "-1", "\u0000", "\ud83d\ude00", "é", "\ud800",
    ];

    public required TestContext TestContext { get; set; }

    [TestMethod]
    [Timeout(300_000)]
    public void Json_And_Yaml_AreReadOrRefused() => Fuzz(
        [
            """{"apiVersion":"v1","kind":"K","metadata":{"name":"a","labels":{"x":"y"}},"spec":{"list":[1,2.5,-3e2,true,null,"\u00e9\n"]}}""",
            "apiVersion: v1\nkind: K\nmetadata:\n  name: &n a\n  other: *n\nspec:\n  text: |\n    lines\n  flow: {a: [1, 'b', \"c\"]}\n  <<: {x: 1}\n",
        ],
        text =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            Refusable<DocumentFormatException>(() => DocumentDecoder.DecodeJson(bytes));
            Refusable<DocumentFormatException>(() => DocumentDecoder.DecodeYaml(bytes));
        });

    [TestMethod]
    [Timeout(300_000)]
    public void Selectors_AreReadOrRefused() => Fuzz(
        ["a=b,c!=d,e in (f,g),!h,i>5,j<6,k notin (l)", "metadata.name=x,spec.color!=a\\,b", "x/y==z,example.com/a in (b)"],
        text =>
        {
            Refusable<SelectorFormatException>(() => LabelSelector.Parse(text));
            Refusable<SelectorFormatException>(() => FieldSelector.Parse(text));
        });

    [TestMethod]
    [Timeout(300_000)]
    public void ContinueTokens_AreReadOrRefused() => Fuzz(
        [new ContinueToken(7, "ns/name").Encode(), new ContinueToken(-1, "x").Encode(), "eyJ2IjoxfQ"],
        text => Refusable<ApiException>(() => ContinueToken.Decode(text)));

    [TestMethod]
    [Timeout(300_000)]
    public void Patches_AreAppliedOrRefused() => Fuzz(
        [
            """[{"op":"add","path":"/spec/list/-","value":1},{"op":"remove","path":"/metadata/labels/x"},{"op":"test","path":"/kind","value":"K"},{"op":"move","from":"/spec/a","path":"/spec/b"},{"op":"copy","from":"/spec","path":"/spec/c"}]""",
            """{"metadata":{"labels":{"x":null,"z":"1"}},"spec":{"list":null,"deep":{"er":{"est":[]}}}}""",
        ],
        text =>
        {
            if (Read(text) is not { } patch)
            {
                return;
            }

            JsonObject target = JsonNode.Parse("""{"kind":"K","metadata":{"name":"a","labels":{"x":"y"}},"spec":{"a":1,"list":[1]}}""")!.AsObject();
            Refusable<PatchException>(() => JsonPatch.Apply(target, patch));
            if (patch is JsonObject merge)
            {
                Refusable<PatchException>(() => MergePatch.Apply(target, merge));
            }
        });

    [TestMethod]
    [Timeout(300_000)]
    public void ManagedFields_AreReadOrPassedOver() => Fuzz(
        [
            """{"f:metadata":{"f:labels":{".":{},"f:x":{}}},"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"f:tags":{"v:\"t\"":{}},"f:args":{"i:0":{}}}}""",
        ],
        text =>
        {
            if (Read(text) is not JsonObject fields)
            {
                return;
            }

            JsonObject live = Widget(), next = Widget();
            next["metadata"]!["managedFields"] = new JsonArray(new JsonObject
            {
                ["manager"] = "m",
                ["operation"] = "Update",
                ["apiVersion"] = "example.com/v1",
                ["fieldsType"] = "FieldsV1",
                ["fieldsV1"] = fields,
            });
            Apply.Widgets.Fields.Update(live, next, "other", "", Apply.Widgets.Now);
        });

    [TestMethod]
    [Timeout(300_000)]
    public void Expressions_AreReadOrRefused() => Fuzz(
        ["has(object.spec) && object.spec.list.exists(x, x > 1) ? 'a' + \"b\" == 'ab' : [1, 2][0] == {'k': 1}.k", "!(1 + 2 * 3 % 4 <= -5) || 'x'.matches('^[a-z]+$')"],
        text => Refusable<CelException>(() => CelExpression.Parse(text).Evaluate(new Dictionary<string, JsonNode?> { ["object"] = Widget() })));

    [TestMethod]
    [Timeout(300_000)]
    public void StrategicPatches_AreAppliedOrRefused() => Fuzz(
        ["""{"metadata":{"labels":{"x":null},"ownerReferences":[{"$patch":"delete","uid":"u"}],"finalizers":["a"],"$deleteFromPrimitiveList/finalizers":["b"]},"spec":{"$patch":"replace"}}"""],
        text =>
        {
            if (Read(text) is JsonObject patch)
            {
                Refusable<PatchException>(() => StrategicMergePatch.Apply(WidgetServer.Widget.Schema, Widget(), patch));
            }
        });

    [TestMethod]
    [Timeout(300_000)]
    public void AcceptHeaders_AreServedOrRefused() => Fuzz(
        [
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;q=0.5, */*",
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1,application/yaml ; q=0.9",
        ],
        text =>
        {
            var http = new DefaultHttpContext();
            http.Request.Headers.Accept = text;
            http.Request.QueryString = QueryString.Create("includeObject", text.Length % 2 == 0 ? "Object" : text);
            Refusable<ApiException>(() => Negotiated.For(http, isWatch: text.Length % 3 == 0));
            _ = Negotiated.ForError(http);
        });

    [TestMethod]
    [Timeout(300_000)]
    public void DeleteOptions_AreReadOrRefused() => Fuzz(
        ["""{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Foreground","preconditions":{"uid":"u","resourceVersion":"1"},"gracePeriodSeconds":0,"dryRun":["All"]}"""],
        text => Refusable<ApiException>(() => DeleteOptionsShape.Checked(BodyDecoder.Options(Encoding.UTF8.GetBytes(text), "application/json", []) ?? [])));

    [TestMethod]
    [Timeout(300_000)]
    public void JsonSyntax_FindsAProblem_ExactlyWhereTheReaderDoes() => Fuzz(
        ["""{"a":[1,-0.5e+3,true,false,null,"\u00e9\n\\"],"b":{}}"""],
        text =>
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            Assert.AreEqual(IsJson(bytes), JsonSyntax.Problem(bytes) is null);
        });

    private static bool IsJson(byte[] bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 10_000 });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static JsonObject Widget() => JsonNode.Parse("""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"list":[1,2]}}""")!.AsObject();

    private void Fuzz(string[] good, Action<string> read)
    {
        int seed = Environment.GetEnvironmentVariable("FUZZ_SEED") is { Length: > 0 } given ? int.Parse(given) : 2026;
        TestContext.WriteLine($"FUZZ_SEED={seed}");
        var random = new Random(seed);
        foreach (string text in good)
        {
            read(text);
        }

        for (int i = 0; i < Rounds; i++)
        {
            string text = Spoil(good, random);
            try
            {
                read(text);
            }
            catch (Exception defect)
            {
                throw new AssertFailedException($"FUZZ_SEED={seed}, round {i}: {defect.GetType().Name}: {defect.Message}\n{text}", defect);
            }
        }
    }

    private static string Spoil(string[] good, Random random)
    {
        var text = new StringBuilder(good[random.Next(good.Length)]);
        for (int changes = random.Next(1, 5); changes > 0; changes--)
        {
            int at = random.Next(text.Length + 1), length = random.Next(0, Math.Min(12, text.Length - at) + 1);
            switch (random.Next(5))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 2:
                    text.Insert(at, text.ToString(at, length));
                    break;
                case 3:
                    text.Remove(at, length).Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                default:
                    string other = good[random.Next(good.Length)];
                    int from = random.Next(other.Length);
                    text.Insert(at, other.AsSpan(from, random.Next(0, other.Length - from + 1)));
                    break;
            }
        }

        return text.ToString();
    }

    private static JsonNode? Read(string text)
    {
        try
        {
            return DocumentDecoder.DecodeJson(Encoding.UTF8.GetBytes(text)).Root;
        }
        catch (DocumentFormatException)
        {
            return null;
        }
    }

    private static void Refusable<TRefusal>(Action read)
        where TRefusal : Exception
    {
        try
        {
            read();
        }
        catch (TRefusal)
        {
            // Refused in the parser's own words.
        }
    }
}
