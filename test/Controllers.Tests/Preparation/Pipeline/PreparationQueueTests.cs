using AiModels.Controllers.Preparation.Pipeline;
using AiModels.TestKit;

namespace AiModels.Controllers.Tests.Preparation.Pipeline;

[TestClass]
public sealed class PreparationQueueTests
{
    [TestMethod]
    public void Take_OneNamespaceWithMany_DoesNotKeepOthersWaiting()
    {
        var queue = new PreparationQueue(workers: 5);
        for (int i = 0; i < 100; i++)
        {
            queue.Add($"a{i}", "a");
        }

        queue.Add("b0", "b");
        queue.Add("c0", "c");
        queue.Add("b0", "b");

        CollectionAssert.AreEqual(new[] { "a0", "b0", "c0", "a1" }, new[] { queue.Take(), queue.Take(), queue.Take(), queue.Take() });
        queue.Done("b0");
        queue.Add("b1", "b");
        Assert.AreEqual("b1", queue.Take());
    }

    [TestMethod]
    public void Take_Removed_IsNotGiven()
    {
        var queue = new PreparationQueue(workers: 1);
        queue.Add("a", "ns");
        queue.Remove("a");
        Assert.IsNull(queue.Take());
    }

    [TestMethod]
    public void Take_AllWorkersAtWork_WaitsForOne()
    {
        var queue = new PreparationQueue(workers: 1);
        queue.Add("a", "ns");
        queue.Add("b", "ns");
        Assert.AreEqual("a", queue.Take());
        Assert.IsNull(queue.Take());
        Assert.AreEqual((1, 1), (queue.Waiting, queue.AtWork));
        queue.Done("a");
        Assert.AreEqual("b", queue.Take());
    }

    [TestMethod]
    [DataRow(1, 1)]
    [DataRow(2, 1)]
    [DataRow(4, 3)]
    [DataRow(16, 12)]
    public void MayGoOn_ModelsThatTakeLong_LeaveWorkersToOthers(int workers, int mostLong)
    {
        var queue = new PreparationQueue(workers);
        for (int i = 0; i < workers; i++)
        {
            queue.Add($"long{i}", "ns");
            Assert.AreEqual($"long{i}", queue.Take());
            Assert.AreEqual(i < mostLong, queue.MayGoOn($"long{i}", PreparationQueue.LongBytes));
        }

        for (int i = mostLong; i < workers; i++)
        {
            queue.Done($"long{i}");
            queue.Add($"long{i}", "ns", isLong: true);
        }

        Assert.IsNull(queue.Take(), "those who wait are all long ones");
        for (int i = mostLong; i < workers; i++)
        {
            queue.Add($"short{i}", "ns");
            Assert.AreEqual($"short{i}", queue.Take());
            Assert.IsTrue(queue.MayGoOn($"short{i}", PreparationQueue.LongBytes - 1));
        }

        queue.Done("long0");
        Assert.AreEqual(mostLong == workers ? null : $"long{mostLong}", queue.Take(), "the turn of the one that has waited longest");
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
