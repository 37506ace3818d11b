using System.Text.Json.Nodes;
using AiModels.Soak;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>The soak's checker finds what it is there to find.</summary>
[TestClass]
public sealed class SoakCheckerTests
{
    private static readonly Change[] History =
    [
        new(11, "ADDED", "a", 1), new(12, "ADDED", "b", 1), new(13, "MODIFIED", "a", 2), new(14, "DELETED", "b", 1), new(15, "ADDED", "b", 2),
    ];

    [TestMethod]
    public void Check_OfWhatHappened_IsSilent() => Assert.IsEmpty(Failures(History, History, History).ToArray());

    [TestMethod]
    public void Check_OfAMissedChange_TellsWhoMissedWhich() =>
        StringAssert.Contains(Failures(History, [.. History.Where(change => change.Revision != 13)], History).Single(), "at position 2 it saw Change { Revision = 14");

    [TestMethod]
    public void Check_OfARepeatedChange_TellsIt() => Assert.HasCount(1, Failures(History, [.. History, History[^1]], History).ToArray());

    [TestMethod]
    public void Check_OfTwoChangesInTheWrongOrder_TellsIt() =>
        Assert.HasCount(1, Failures(History, [History[0], History[2], History[1], History[3], History[4]], History).ToArray());

    [TestMethod]
    public void Check_OfAChangeThatNobodySaw_TellsThatOneIsMissing()
    {
        Change[] seen = [.. History.Where(change => change.Revision != 12)];

        StringAssert.Contains(string.Join('\n', Failures(seen, seen, seen)), "does not follow upon nothing");
    }

    [TestMethod]
    public void Check_OfALostAcknowledgement_TellsIt() =>
        StringAssert.Contains(Failures(History, History, [.. History, new Change(16, "MODIFIED", "a", 3)]).Single(), "was acknowledged");

    [TestMethod]
    public void Check_OfAListThatDiffers_TellsIt() => Assert.HasCount(1, Failures(History, History, History, "a@13").ToArray());

    private static IEnumerable<string> Failures(Change[] one, Change[] other, Change[] acknowledged, string list = "a@13 b@15")
    {
        using var api = new SoakApi([]);
        SoakWatcher[] watchers = [.. new[] { one, other }.Select((seen, i) => new SoakWatcher(api, i, WatcherHabit.Steady, 10, []))];
        watchers[0].Segments[0].Changes.AddRange(one);
        watchers[1].Segments[0].Changes.AddRange(other);
        var items = new JsonArray([.. list.Split(' ').Select(item => (JsonNode)new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = item.Split('@')[0], ["resourceVersion"] = item.Split('@')[1] },
        })]);
        return SoakChecker.Check(watchers, acknowledged, [new JsonObject { ["items"] = items }], start: 10, end: 15);
    }
}
