using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiServer.Tests.ApiMachinery.Schemas;

/// <summary>Contract V5, M20, N5.</summary>
[TestClass]
public sealed class DocumentDecoderTests
{
    private static DecodedDocument FromJson(string text) => DocumentDecoder.DecodeJson(Encoding.UTF8.GetBytes(text));

    private static DecodedDocument FromYaml(string text) => DocumentDecoder.DecodeYaml(Encoding.UTF8.GetBytes(text));

    [TestMethod]
    public void DecodeJson_DuplicateFields_AreNamedAndTheLastWins()
    {
        DecodedDocument document = FromJson("""{"a":1,"spec":{"l":[{"x":1,"x":2}],"y":1,"y":{"z":1}},"a":3}""");

        CollectionAssert.AreEqual(new[] { "duplicate field \"spec.l[0].x\"", "duplicate field \"spec.y\"", "duplicate field \"a\"" }, document.Duplicates.ToArray());
        Assert.AreEqual("""{"a":3,"spec":{"l":[{"x":2}],"y":{"z":1}}}""", document.Object!.ToJsonString());
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("{")]
    [DataRow("{\"a\":}")]
    [DataRow("{} {}")]
    [DataRow("{\"a\":1e999}")]
    [DataRow("{\"a\":\"\\ud800\"}")]
    public void DecodeJson_WhatIsNoJson_IsRefused(string text) => Assert.ThrowsExactly<DocumentFormatException>(() => FromJson(text));

    [TestMethod]
    public void DecodeJson_TooDeep_IsRefused() =>
        Assert.ThrowsExactly<DocumentFormatException>(() => FromJson(new string('[', 100) + new string(']', 100)));

    [TestMethod]
    public void DecodeYaml_Scalars_MeanWhatKubernetesSays()
    {
        JsonObject obj = FromYaml("""
            int: 12
            negative: -3
            octal: 0755
            octal2: 0o17
            hex: 0x1F
            real: 1.5
            exp: 1e3
            yes: "quoted"
            bool: yes
            off: off
            empty:
            tilde: ~
            quoted: "5"
            date: 2026-01-02
            time: 2026-01-02T03:04:05Z
            version: 1.2.3
            cpu: 100m
            colon: 10:20
            block: |
              two
              lines
            list: [a, 1, {b: c}]
            """).Object!;

        Assert.IsTrue(
            JsonNode.DeepEquals(
                JsonNode.Parse("""
                {"int":12,"negative":-3,"octal":493,"octal2":15,"hex":31,"real":1.5,"exp":1000,"yes":"quoted","bool":true,"off":false,"empty":null,"tilde":null,"quoted":"5",
                 "date":"2026-01-02","time":"2026-01-02T03:04:05Z","version":"1.2.3","cpu":"100m","colon":"10:20","block":"two\nlines\n","list":["a",1,{"b":"c"}]}
                """),
                obj),
            obj.ToJsonString());
    }

    [TestMethod]
    public void DecodeYaml_AnchorsAndMergeKeys_Unfold() =>
        Assert.AreEqual(
            """{"base":{"a":1,"b":2},"use":{"b":3,"a":1},"again":{"a":1,"b":2}}""",
            FromYaml("base: &x {a: 1, b: 2}\nuse:\n  <<: *x\n  b: 3\nagain: *x\n").Object!.ToJsonString());

    [TestMethod]
    public void DecodeYaml_DuplicateKey_IsReportedWithItsLine() =>
        Assert.AreEqual("yaml: unmarshal errors:\n  line 2: key \"a\" already set in map", FromYaml("a: 1\na: 2\n").Duplicates.Single());

    [TestMethod]
    public void DecodeYaml_Json_IsReadAsJson() => Assert.AreEqual("duplicate field \"a\"", FromYaml("""{"a":1,"a":2}""").Duplicates.Single());

    [TestMethod]
    public void DecodeYaml_AliasBomb_IsRefused()
    {
        var text = new StringBuilder("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 10; i++)
        {
            text.Append($"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        Assert.Contains("excessive aliasing", Assert.ThrowsExactly<DocumentFormatException>(() => FromYaml(text.ToString())).Message);
    }

    [TestMethod]
    [DataRow("a: [")]
    [DataRow("a: b: c")]
    [DataRow("? {a: 1}\n: 2")]
    [DataRow("a: *nowhere")]
    public void DecodeYaml_WhatIsNoYaml_IsRefused(string text) => Assert.ThrowsExactly<DocumentFormatException>(() => FromYaml(text));

    [TestMethod]
    public void Decode_RandomBytes_ThrowsNothingElse()
    {
        var random = new Random(6);
        const string Alphabet = "{}[]:,\"'ab1-. \n\t&*<#|>!~\\u0";
        for (int i = 0; i < 20_000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            try
            {
                FromYaml(text);
            }
            catch (DocumentFormatException)
            {
                // Refused with a message, which is what is promised.
            }

            try
            {
                FromJson(text);
            }
            catch (DocumentFormatException)
            {
            }
        }
    }
}
