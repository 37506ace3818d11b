using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Selectors;

namespace AiModels.ApiServer.Tests.ApiMachinery.Selectors;

/// <summary>Contract L11.</summary>
[TestClass]
public sealed class LabelSelectorTests
{
    private static readonly JsonObject Labelled = (JsonObject)JsonNode.Parse("""{"metadata":{"labels":{"a":"b","n":"7","e":""}}}""")!;

    [TestMethod]
    [DataRow("", true)]
    [DataRow(" ", true)]
    [DataRow("a", true)]
    [DataRow("x", false)]
    [DataRow("!x", true)]
    [DataRow("!a", false)]
    [DataRow("a=b", true)]
    [DataRow("a==b", true)]
    [DataRow("a = b , n", true)]
    [DataRow("a!=b", false)]
    [DataRow("x!=b", true)]
    [DataRow("a in (b,c)", true)]
    [DataRow("a in (c)", false)]
    [DataRow("a notin (c)", true)]
    [DataRow("x notin (c)", true)]
    [DataRow("n>5", true)]
    [DataRow("n<5", false)]
    [DataRow("a>5", false)]
    [DataRow("e=", true)]
    [DataRow("e in ()", true)]
    [DataRow("e in (,x)", true)]
    [DataRow("a=b,!a", false)]
    [DataRow("in,notin=x", false)]
    public void Matches_ByGrammar_IsWhatUpstreamSays(string selector, bool expected) =>
        Assert.AreEqual(expected, LabelSelector.Parse(selector).Matches(Labelled));

    [TestMethod]
    [DataRow("a in x", "unable to parse requirement: found 'x' expected: '('")]
    [DataRow("a,", "found '', expected: identifier after ','")]
    [DataRow("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt")]
    [DataRow("a=b c", "found 'c', expected: ',' or 'end of string'")]
    [DataRow("=b", "found '=', expected: !, identifier, or 'end of string'")]
    [DataRow("!", "unable to parse requirement: found '', expected: identifier")]
    [DataRow("a in (b", "unable to parse requirement: found '', expected: ',' or ')'")]
    [DataRow("a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer")]
    public void Parse_WhatIsNoSelector_SaysWhatWasExpected(string selector, string message) =>
        Assert.AreEqual(message, Assert.ThrowsExactly<SelectorFormatException>(() => LabelSelector.Parse(selector)).Message);

    [TestMethod]
    public void Parse_InvalidKeyOrValue_QuotesTheRule()
    {
        string key = Assert.ThrowsExactly<SelectorFormatException>(() => LabelSelector.Parse("-a=b")).Message;
        string value = Assert.ThrowsExactly<SelectorFormatException>(() => LabelSelector.Parse("a=-")).Message;

        Assert.StartsWith("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of", key);
        Assert.StartsWith("unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be an empty string or", value);
    }

    [TestMethod]
    public void Requirements_ForReviews_AreSortedAndLeaveComparisonsOut()
    {
        LabelSelector selector = LabelSelector.Parse("z,b in (y,x),a>3");

        Assert.AreEqual("a b z", string.Join(' ', selector.Requirements.Select(r => r.Key)));
        Assert.IsNull(selector.Requirements[0].ToReviewRequirement());
        Assert.AreEqual("""{"key":"b","operator":"In","values":["x","y"]}""", selector.Requirements[1].ToReviewRequirement()!.ToJsonString());
        Assert.AreEqual("""{"key":"z","operator":"Exists"}""", selector.Requirements[2].ToReviewRequirement()!.ToJsonString());
    }

    [TestMethod]
    public void FromDocument_BothForms_AreAnded()
    {
        var document = (JsonObject)JsonNode.Parse("""{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"n","operator":"NotIn","values":["8"]}]}""")!;

        Assert.IsTrue(LabelSelector.FromDocument(document).Matches(Labelled));
        Assert.IsFalse(LabelSelector.FromDocument(document).Matches([]));
    }

    [TestMethod]
    public void Parse_RandomText_ThrowsNothingElse()
    {
        var random = new Random(11);
        const string Alphabet = "ab=!(),<> innot-/.1\\";
        for (int i = 0; i < 20_000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            try
            {
                LabelSelector.Parse(text).Matches(Labelled);
                FieldSelector.Parse(text).Matches(Labelled);
            }
            catch (SelectorFormatException)
            {
                // Refused with a message, which is what is promised.
            }
        }
    }
}
