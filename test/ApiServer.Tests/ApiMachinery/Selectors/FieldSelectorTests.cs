using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Selectors;

namespace AiModels.ApiServer.Tests.ApiMachinery.Selectors;

/// <summary>Contract L12.</summary>
[TestClass]
public sealed class FieldSelectorTests
{
    private static readonly JsonObject Obj =
        (JsonObject)JsonNode.Parse("""{"metadata":{"name":"x","namespace":"ns"},"status":{"phase":"a,b=c\\d"}}""")!;

    [TestMethod]
    [DataRow("", true)]
    [DataRow("metadata.name=x", true)]
    [DataRow("metadata.name==x,metadata.namespace=ns", true)]
    [DataRow("metadata.name!=x", false)]
    [DataRow("metadata.name=y", false)]
    [DataRow("spec.absent=", true)]
    [DataRow(@"status.phase=a\,b\=c\\d", true)]
    public void Matches_ByGrammar_IsWhatUpstreamSays(string selector, bool expected) =>
        Assert.AreEqual(expected, FieldSelector.Parse(selector).Matches(Obj));

    [TestMethod]
    [DataRow("foo", "invalid selector: 'foo'; can't understand 'foo'")]
    [DataRow("a=b=c", "invalid field selector: unescaped character in value: 61")]
    [DataRow(@"a=b\x", @"invalid field selector: invalid escape sequence: \x")]
    public void Parse_WhatIsNoSelector_Explains(string selector, string message) =>
        Assert.AreEqual(message, Assert.ThrowsExactly<SelectorFormatException>(() => FieldSelector.Parse(selector)).Message);

    [TestMethod]
    public void Check_UnknownField_IsNotSupported()
    {
        FieldSelector selector = FieldSelector.Parse("metadata.name=x,spec.x=1");

        string message = Assert.ThrowsExactly<SelectorFormatException>(() => selector.Check(isNamespaced: true, [])).Message;
        selector.Check(isNamespaced: true, ["spec.x"]);

        Assert.AreEqual("field label not supported: spec.x", message);
        Assert.ThrowsExactly<SelectorFormatException>(() => FieldSelector.Parse("metadata.namespace=x").Check(isNamespaced: false, []));
    }

    [TestMethod]
    public void Name_OfAnEquality_IsTheNameToAuthorize()
    {
        Assert.AreEqual("x", FieldSelector.Parse("metadata.name=x").Name);
        Assert.IsNull(FieldSelector.Parse("metadata.name!=x").Name);
        Assert.IsNull(FieldSelector.Everything.Name);
    }
}
