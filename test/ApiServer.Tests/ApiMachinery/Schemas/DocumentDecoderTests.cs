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
    public void DecodeYaml_Json_IsReadAsJson_AndDuplicatesHaveTheirLine()
    {
        Assert.AreEqual("yes", (string?)FromYaml("""{"a":"yes"}""").Object!["a"]);
        Assert.AreEqual("yaml: unmarshal errors:\n  line 1: key \"a\" already set in map", FromYaml("""{"a":1,"a":2}""").Duplicates.Single());
    }

    [TestMethod]
    [DataRow("", "unexpected end of JSON input")]
    [DataRow("{", "unexpected end of JSON input")]
    [DataRow("{\"a\":1} x", "invalid character 'x' after top-level value")]
    [DataRow("{a:1}", "invalid character 'a' looking for beginning of object key string")]
    [DataRow("{\"a\" 1}", "invalid character '1' after object key")]
    [DataRow("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair")]
    [DataRow("[1 2]", "invalid character '2' after array element")]
    [DataRow("[1,]", "invalid character ']' looking for beginning of value")]
    [DataRow("{\"a\":1,}", "invalid character '}' looking for beginning of object key string")]
    [DataRow("nope", "invalid character 'o' in literal null (expecting 'u')")]
    [DataRow("-x", "invalid character 'x' in numeric literal")]
    [DataRow("1.", "unexpected end of JSON input")]
    [DataRow("1.x", "invalid character 'x' after decimal point in numeric literal")]
    [DataRow("1ex", "invalid character 'x' in exponent of numeric literal")]
    [DataRow("\"\n\"", "invalid character '\\n' in string literal")]
    [DataRow("\"\\x\"", "invalid character 'x' in string escape code")]
    [DataRow("\"\\u12x\"", "invalid character 'x' in \\u hexadecimal character escape")]
    [DataRow("'a'", "invalid character '\\'' looking for beginning of value")]
    [DataRow("\0", "invalid character '\\x00' looking for beginning of value")]
    [DataRow("{\"a\":1e999}", "json: cannot unmarshal number 1e999 into Go value of type float64")]
    public void DecodeJson_WhatIsNoJson_IsRefusedInGosWords(string text, string message) =>
        Assert.AreEqual(message, Assert.ThrowsExactly<DocumentFormatException>(() => FromJson(text)).Message);

    [TestMethod]
    [DataRow("\\ud800", "\ufffd")]
    [DataRow("\\udc00x", "\ufffdx")]
    [DataRow("\\ud83d\\ude00", "\ud83d\ude00")]
    [DataRow("\\ud83d\\u0041", "\ufffdA")]
    [DataRow("\\\\ud800\\ud800", "\\ud800\ufffd")]
    public void DecodeJson_HalvesOfPairs_BecomeReplacementCharacters(string escaped, string expected) =>
        Assert.AreEqual(expected, (string?)FromJson($$"""{"a":"{{escaped}}"}""").Object!["a"]);

    [TestMethod]
    public void DecodeJson_WhatIsNoUtf8_BecomesReplacementCharacters() =>
        Assert.AreEqual("\ufffdx", (string?)DocumentDecoder.DecodeJson([.. "{\"a\":\""u8, 0xff, .. "x\"}"u8]).Object!["a"]);

    [TestMethod]
    [DataRow("a: .inf", "json: unsupported value: +Inf")]
    [DataRow("a: -.INF", "json: unsupported value: -Inf")]
    [DataRow("a: .nan", "json: unsupported value: NaN")]
    [DataRow("&a [*a]", "yaml: anchor 'a' value contains itself")]
    public void DecodeYaml_WhatJsonCannotSay_IsRefused(string text, string message) =>
        Assert.AreEqual(message, Assert.ThrowsExactly<DocumentFormatException>(() => FromYaml(text)).Message);

    [TestMethod]
    public void DecodeYaml_YAndN_AreBooleans() => Assert.AreEqual("""{"a":true,"b":false,"c":"y"}""", FromYaml("{a: y, b: N, c: 'y'}").Object!.ToJsonString());

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
