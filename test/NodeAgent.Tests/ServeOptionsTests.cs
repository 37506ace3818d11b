using System.ComponentModel.DataAnnotations;

namespace AiModels.NodeAgent.Tests;

[TestClass]
public sealed class ServeOptionsTests
{
    [TestMethod]
    [DataRow("https://0.0.0.0:9808")]
    [DataRow("http://0.0.0.0:9808/metrics")]
    public void MetricsListen_ThatIsNoPlainAddress_IsRefused(string address)
    {
        var options = new ServeOptions { Listen = "unix:///run/agent.sock", NodeName = "node-1", CacheDir = "/cache", MetricsListen = new Uri(address) };
        Assert.AreEqual($"--metrics-listen: '{address}' is not http://ADDRESS:PORT", options.Validate(new ValidationContext(options)).Single().ErrorMessage);
    }
}
