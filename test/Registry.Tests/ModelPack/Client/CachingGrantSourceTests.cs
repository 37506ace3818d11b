using AiModels.ModelPack.Client;
using AiModels.TestKit;

namespace AiModels.Registry.Tests.ModelPack.Client;

[TestClass]
public sealed class CachingGrantSourceTests
{
    private static readonly string[] Pull = ["pull"];

    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task GetToken_UntilShortlyBeforeItsEnd_GivesTheSame()
    {
        var clock = new ManualClock();
        var issuer = new Issuer(clock);
        var source = new CachingGrantSource(issuer, clock);
        AccessToken first = await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken);
        clock.Advance(TimeSpan.FromMinutes(58));
        Assert.AreSame(first, await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken));
        clock.Advance(TimeSpan.FromMinutes(1.5));
        Assert.AreNotSame(first, await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken));
    }

    [TestMethod]
    public async Task GetToken_ForOtherRepositoriesAndActions_GivesOthers()
    {
        var issuer = new Issuer(new ManualClock());
        var source = new CachingGrantSource(issuer, new ManualClock());
        await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken);
        await source.GetTokenAsync("models/2", Pull, TestContext.CancellationToken);
        await source.GetTokenAsync("models/1", ["push", "pull"], TestContext.CancellationToken);
        await source.GetTokenAsync("models/1", ["pull", "push"], TestContext.CancellationToken);
        Assert.AreEqual(3, issuer.Calls);
    }

    [TestMethod]
    public async Task GetToken_AfterAFailure_AsksAgain()
    {
        var issuer = new Issuer(new ManualClock()) { FailNext = true };
        var source = new CachingGrantSource(issuer, new ManualClock());
        await Assert.ThrowsExactlyAsync<IOException>(async () => await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken));
        Assert.IsNotNull(await source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken));
    }

    [TestMethod]
    public async Task GetToken_ManyAtOnce_AsksOnce()
    {
        var issuer = new Issuer(new ManualClock()) { Gate = new TaskCompletionSource() };
        var source = new CachingGrantSource(issuer, new ManualClock());
        Task<AccessToken>[] all = [.. Enumerable.Range(0, 20).Select(_ => source.GetTokenAsync("models/1", Pull, TestContext.CancellationToken).AsTask())];
        issuer.Gate.SetResult();
        await Task.WhenAll(all);
        Assert.AreEqual(1, issuer.Calls);
    }

    private sealed class Issuer(TimeProvider time) : IGrantSource
    {
        public int Calls { get; private set; }
        public bool FailNext { get; set; }
        public TaskCompletionSource? Gate { get; init; }

        public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
        {
            Calls++;
            if (FailNext)
            {
                FailNext = false;
                throw new IOException("no API server");
            }

            await (Gate?.Task ?? Task.CompletedTask);
            return new AccessToken("token", time.GetUtcNow() + TimeSpan.FromHours(1));
        }
    }
}
