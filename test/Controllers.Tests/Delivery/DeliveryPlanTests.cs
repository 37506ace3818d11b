using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Delivery;

namespace AiModels.Controllers.Tests.Delivery;

[TestClass]
public sealed class DeliveryPlanTests
{
    private const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    [TestMethod]
    public void Decode_OfWhatWasEncoded_GivesItBack()
    {
        var plan = new DeliveryPlan("SharedPVC", "ai-models-0123456789", [new DeliveredModel("Model", "tiny", Digest, null)]);
        Assert.AreEqual(plan.Encode(), Decode(plan.Encode())?.Encode());
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("{")]
    [DataRow("null")]
    [DataRow("[]")]
    [DataRow("""{"mode":"SharedPVC"}""")]
    [DataRow("""{"mode":"NodeCache","models":[null]}""")]
    [DataRow("""{"mode":"NodeCache","models":[{"kind":"Model","name":"tiny"}]}""")]
    [DataRow("""{"mode":"NodeCache","models":[{"kind":"Model","name":"tiny","digest":"sha256:../../etc"}]}""")]
    [DataRow("""{"mode":"NodeCache","models":[{"kind":"Model","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""")]
    [DataRow("""{"mode":"NodeCache","models":[{"name":"tiny","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""")]
    [DataRow("""{"mode":"SharedPVC","models":[{"kind":"Model","name":"tiny","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""")]
    public void Decode_OfWhatWeDoNotWrite_IsNone(string text) => Assert.IsNull(Decode(text));

    [TestMethod]
    public void Decode_OfAModelNamedTwice_IsNone()
    {
        var model = new DeliveredModel("Model", "tiny", Digest, null);
        Assert.IsNull(Decode(new DeliveryPlan("NodeCache", null, [model, model with { Kind = "ClusterModel" }]).Encode()));
    }

    private static DeliveryPlan? Decode(string text) => DeliveryPlan.Decode(new JsonObject
    {
        ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotations.ResolvedModels] = text } },
    });
}
