using AiModels.ApiMachinery.Schemas;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Tests.ApiMachinery.Schemas;

[TestClass]
public sealed class SchemaGeneratorTests
{
    private static readonly Schema Model = SchemaGenerator.For<Model>();

    [TestMethod]
    public void For_Model_HasTheStandardParts()
    {
        Assert.AreSame(StandardSchemas.ObjectMeta.Properties, Model.Properties["metadata"].Properties);
        Assert.AreSame(StandardSchemas.ApiVersion, Model.Properties["apiVersion"]);
        CollectionAssert.AreEqual(new[] { "spec" }, Model.Required.ToArray());
    }

    [TestMethod]
    public void For_Model_TakesRulesFromAnnotations()
    {
        Schema source = Model.Properties["spec"].Properties["source"];
        Schema name = source.Properties["catalog"].Properties["name"];
        Schema conditions = Model.Properties["status"].Properties["conditions"];

        Assert.AreEqual(ClusterModelSource.UrlPattern, source.Properties["url"].Pattern);
        Assert.AreEqual(1, source.Properties["url"].MinLength);
        Assert.AreEqual(253, name.MaxLength);
        Assert.AreEqual("map", conditions.ListType);
        CollectionAssert.AreEqual(new[] { "type" }, conditions.ListMapKeys.ToArray());
        Assert.AreEqual("date-time", conditions.Items!.Properties["lastTransitionTime"].Format);
        Assert.AreEqual(0, conditions.Items.Properties["observedGeneration"].Minimum);
        Assert.IsNull(conditions.Items.Properties["observedGeneration"].Maximum);
        Assert.AreEqual(1, Model.Properties["status"].Properties["artifact"].Properties["sizeBytes"].Minimum);
        CollectionAssert.Contains(Model.Properties["status"].Properties["resolved"].Properties["supportedFeatures"].Items!.Enum.ToArray(), "ToolCalling");
        Assert.AreEqual(128, Model.Properties["status"].Properties["resolved"].Properties["sourceCapabilities"].Properties["tasks"].Items!.MaxLength);
    }

    [TestMethod]
    public void For_Model_DescribesByDocComments()
    {
        Assert.StartsWith("Model declares the files of one AI model", Model.Description!);
        Assert.AreEqual("How far preparation is, as a percentage: \"42%\". Below 100% until the model is Ready.", Model.Properties["status"].Properties["progress"].Description);
        Assert.StartsWith("A model page of Hugging Face (https://huggingface.co/BAAI/bge-m3", Model.Properties["spec"].Properties["source"].Properties["url"].Description!);
    }

    [TestMethod]
    public void For_ClusterModel_HasNoAuthSecret()
    {
        Assert.IsTrue(Model.Properties["spec"].Properties["source"].Properties.ContainsKey("authSecretRef"));
        Assert.IsFalse(SchemaGenerator.For<ClusterModel>().Properties["spec"].Properties["source"].Properties.ContainsKey("authSecretRef"));
    }

    [TestMethod]
    public void For_EveryContract_HasASchema()
    {
        SchemaGenerator.For<ModelCatalogSource>();
        SchemaGenerator.For<UploadSession>();
        SchemaGenerator.For<ModelProgress>();
        SchemaGenerator.For<RegistryGrant>();
    }
}
