using AiModels.Controllers.Preparation.Pipeline;
using AiModels.TestKit;

namespace AiModels.Controllers.Tests.Preparation.Pipeline;

[TestClass]
public sealed class PreparationQueueTests
{
    [TestMethod]
    public void Take_OneNamespaceWithMany_DoesNotKeepOthersWaiting()
    {
        var queue = new PreparationQueue();
        for (int i = 0; i < 100; i++)
        {
            queue.Add($"a{i}", "a");
        }

        queue.Add("b0", "b");
        queue.Add("c0", "c");
        queue.Add("b0", "b");

        CollectionAssert.AreEqual(new[] { "a0", "b0", "c0", "a1" }, new[] { queue.Take(), queue.Take(), queue.Take(), queue.Take() });
        queue.Done("b");
        queue.Add("b1", "b");
        Assert.AreEqual("b1", queue.Take());
    }

    [TestMethod]
    public void Take_Removed_IsNotGiven()
    {
        var queue = new PreparationQueue();
        queue.Add("a", "ns");
        queue.Remove("a");
        Assert.IsNull(queue.Take());
    }

    [TestMethod]
    public void Report_OverTime_TellsRateAndTimeToGo()
    {
        var clock = new ManualClock();
        var progress = new TransferProgress(clock);
        progress.Expect([("a", 1000), ("b", 1000)]);
        Assert.IsNull(progress.Report("0%").BytesPerSecond);

        clock.Advance(TimeSpan.FromSeconds(2));
        progress.Receive("a", 400);
        progress.Commit("a", 400, 300);
        var report = progress.Report("20%");

        Assert.AreEqual(2000, report.BytesExpected);
        Assert.AreEqual(400, report.BytesReceived);
        Assert.AreEqual(300, report.BytesStored);
        Assert.AreEqual(200, report.BytesPerSecond);
        Assert.AreEqual(8, report.SecondsRemaining);
        Assert.AreEqual("Receiving", report.Layers![0].State);
        Assert.AreEqual("Waiting", report.Layers[1].State);
        Assert.AreEqual(0.2, progress.Fraction);
    }
}
