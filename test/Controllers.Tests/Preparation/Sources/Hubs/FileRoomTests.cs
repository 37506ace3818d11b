using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Tests.Preparation.Sources.Hubs;

[TestClass]
public sealed class FileRoomTests
{
    private readonly FileRoom _room = new(all: 300, mostForLong: 200);

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Admit_WhenFull_WhoeverComesFirstIsNotOvertaken()
    {
        IDisposable first = await Admit("a", 300);
        Task<IDisposable> large = Admit("b", 300);
        Task<IDisposable> small = Admit("c", 1);
        Assert.IsFalse(large.IsCompleted || small.IsCompleted, "the small one does not overtake, or large ones would wait for ever");

        first.Dispose();
        (await large).Dispose();
        (await small).Dispose();
        Assert.IsTrue(_room.IsFree);
    }

    [TestMethod]
    public async Task Admit_ModelWithManyFiles_DoesNotKeepAnotherFromItsFirst()
    {
        IDisposable[] many = [await Admit("many", 100), await Admit("many", 100), await Admit("many", 100)];
        Task<IDisposable>[] more = [Admit("many", 100), Admit("many", 100), Admit("many", 100)];
        Task<IDisposable> other = Admit("other", 100);

        many[0].Dispose();
        IDisposable others = await other;
        Assert.IsFalse(more.Any(task => task.IsCompleted));

        many[1].Dispose();
        (await more[0]).Dispose();
        others.Dispose();
        many[2].Dispose();
        foreach (Task<IDisposable> task in more[1..])
        {
            (await task).Dispose();
        }

        Assert.IsTrue(_room.IsFree);
    }

    [TestMethod]
    public async Task Admit_FilesThatTakeLong_LeaveRoomForOthers()
    {
        IDisposable[] held = [await Admit("a", 100, isLong: true), await Admit("b", 100, isLong: true)];
        Task<IDisposable> third = Admit("c", 100, isLong: true);
        (await Admit("d", 100)).Dispose();
        Assert.IsFalse(third.IsCompleted);
        held[0].Dispose();
        (await third).Dispose();
        held[1].Dispose();
        Assert.IsTrue(_room.IsFree);
    }

    [TestMethod]
    public async Task Admit_LongFileThatAloneNeedsMoreThanTheirShare_ComesWhenEverythingIsFree()
    {
        IDisposable held = await Admit("a", 1);
        Task<IDisposable> huge = Admit("b", 300, isLong: true);
        Assert.IsFalse(huge.IsCompleted);
        held.Dispose();
        (await huge).Dispose();
        Assert.IsTrue(_room.IsFree);
    }

    [TestMethod]
    public async Task Admit_LargerThanAll_GetsAll()
    {
        (await Admit("a", 30_000)).Dispose();
        Assert.IsTrue(_room.IsFree);
    }

    [TestMethod]
    public async Task Admit_GivenUp_TakesNothingAndLetsTheNextOn()
    {
        IDisposable first = await Admit("a", 300);
        using var impatient = new CancellationTokenSource();
        Task<IDisposable> second = _room.AdmitAsync("b", 300, isLong: false, impatient.Token);
        Task<IDisposable> third = Admit("c", 1);
        await impatient.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => second);
        first.Dispose();
        first.Dispose();
        (await third).Dispose();
        Assert.IsTrue(_room.IsFree);
    }

    private Task<IDisposable> Admit(string owner, long bytes, bool isLong = false) => _room.AdmitAsync(owner, bytes, isLong, TestContext.CancellationToken);
}
