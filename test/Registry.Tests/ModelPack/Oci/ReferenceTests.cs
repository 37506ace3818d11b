using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Oci;

[TestClass]
public sealed class ReferenceTests
{
    [TestMethod]
    [DataRow("models/8f14e45f")]
    [DataRow("a.b_c__d-e---f/g:Tag_1.2-3")]
    [DataRow("a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [DataRow("a:t@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void Parse_OfAReference_WritesItBack(string text) => Assert.AreEqual(text, Reference.Parse(text).ToString());

    [TestMethod]
    [DataRow("")]
    [DataRow("/a")]
    [DataRow("a/")]
    [DataRow("a//b")]
    [DataRow("A")]
    [DataRow("a..b")]
    [DataRow("a___b")]
    [DataRow("a._b")]
    [DataRow("-a")]
    [DataRow("a-")]
    [DataRow("../a")]
    [DataRow("a:")]
    [DataRow("a:.t")]
    [DataRow("a:b:c")]
    [DataRow("a@sha256:00")]
    [DataRow("a@md5:e3b0c44298fc1c149afbf4c8996fb924")]
    public void TryParse_OfSomethingElse_IsFalse(string text) => Assert.IsFalse(Reference.TryParse(text, out _));
}
