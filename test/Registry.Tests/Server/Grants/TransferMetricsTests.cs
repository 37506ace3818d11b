using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server.Grants;

[TestClass]
public sealed class TransferMetricsTests : RegistryTestBase
{
    [TestMethod]
    public async Task Metrics_OfEachGrant_TellItsBytesAndSubject()
    {
        string node = Registry.Grant(TimeSpan.FromHours(1), "node/one", (Repo, ["pull"]));
        Digest digest = await Registry.PushBlobAsync(Repo, new byte[5000]);
        await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", node);
        await Registry.GetAsync($"/v2/{Repo}/blobs/{digest}", node, ("Range", "bytes=0-99"));

        string[] lines = [.. (await Registry.Http.GetStringAsync("/metrics", Token)).Split('\n').Where(line => line.StartsWith("aimodels_registry_account_transfer_bytes_total{", StringComparison.Ordinal))];
        string pulled = lines.Single(line => line.Contains("subject=\"node/one\"", StringComparison.Ordinal) && line.Contains("direction=\"pull\"", StringComparison.Ordinal));
        StringAssert.Contains(pulled, $"repository=\"{Repo}\"");
        Assert.EndsWith(" 5100", pulled);
        Assert.IsTrue(lines.Any(line => line.Contains("direction=\"push\"", StringComparison.Ordinal) && line.EndsWith(" 5000", StringComparison.Ordinal)));
    }

    private protected override void Configure(RegistryOptions options) => options.TransferMetrics = TransferMetrics.Grant;
}
