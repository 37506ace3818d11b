using System.Net;
using System.Text.Json.Nodes;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Preparation.Sources.Hubs;

/// <summary>Two processes beside each other, one API, one clock.</summary>
[TestClass]
public sealed class HubLimitsTests
{
    private static readonly Uri Hub = new("https://hub.example/");
    private static readonly Uri Listing = new(Hub, "api/models/a/tree/main");
    private static readonly Uri File = new(Hub, "a/resolve/main/f");

    private readonly ManualClock _clock = new();
    private readonly InMemoryKubernetes _kubernetes = new();
    private readonly HubLimits _one;
    private readonly HubLimits _other;

    public HubLimitsTests()
    {
        _one = NewProcess();
        _other = NewProcess();
    }

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Note_NothingLeft_HoldsRequestsOfThatKindEverywhereUntilTheWindowEnds()
    {
        await _one.NoteAsync(Answer(File, HttpStatusCode.OK, "\"resolvers\";r=0;t=200"), TestContext.CancellationToken);
        Task here = _one.WaitAsync(File, TestContext.CancellationToken);
        Task there = _other.WaitAsync(File, TestContext.CancellationToken);
        await _other.WaitAsync(Listing, TestContext.CancellationToken);
        await _one.WaitAsync(new Uri("https://cdn.example/f"), TestContext.CancellationToken);
        Assert.IsFalse(here.IsCompleted || there.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(202));
        await here;
        await there;
        JsonObject lease = _kubernetes.All(ResourceTypes.Leases).Single();
        Assert.AreEqual("ai-models-hub-hub.example", (string?)lease["metadata"]!["name"]);
    }

    [TestMethod]
    public async Task Note_SomethingLeft_HoldsNobody()
    {
        await _one.NoteAsync(Answer(File, HttpStatusCode.OK, "\"resolvers\";r=1;t=200"), TestContext.CancellationToken);
        await _one.WaitAsync(File, TestContext.CancellationToken);
        Assert.IsEmpty(_kubernetes.All(ResourceTypes.Leases));
    }

    [TestMethod]
    public async Task Note_RetryAfter_IsKept()
    {
        HttpResponseMessage refusal = Answer(Listing, HttpStatusCode.TooManyRequests, null);
        refusal.Headers.RetryAfter = new(TimeSpan.FromSeconds(30));
        await _one.NoteAsync(refusal, TestContext.CancellationToken);
        Task waiting = _one.WaitAsync(Listing, TestContext.CancellationToken);
        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.IsFalse(waiting.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(3));
        await waiting;
    }

    [TestMethod]
    public async Task Wait_LongerThanAnyWindow_IsAnErrorThatPasses()
    {
        HttpResponseMessage refusal = Answer(Listing, HttpStatusCode.TooManyRequests, null);
        refusal.Headers.RetryAfter = new(TimeSpan.FromMinutes(20));
        await _one.NoteAsync(refusal, TestContext.CancellationToken);
        Assert.IsTrue((await Assert.ThrowsExactlyAsync<HubException>(() => _other.WaitAsync(Listing, TestContext.CancellationToken))).IsTransient);
    }

    [TestMethod]
    public async Task Note_ApiAway_IsKeptByThisProcess()
    {
        _kubernetes.Fault = _ => new KubernetesApiException(403, "Forbidden", "no right");
        await _one.NoteAsync(Answer(Listing, HttpStatusCode.OK, "\"api\";r=0;t=10"), TestContext.CancellationToken);
        Assert.IsFalse(_one.WaitAsync(Listing, TestContext.CancellationToken).IsCompleted);
        await _other.WaitAsync(Listing, TestContext.CancellationToken);
    }

    private HubLimits NewProcess() => new(Hub, new LeaseHubPauses(_kubernetes, _clock, NullLogger<LeaseHubPauses>.Instance), _clock);

    private static HttpResponseMessage Answer(Uri target, HttpStatusCode status, string? limit)
    {
        var answer = new HttpResponseMessage(status) { RequestMessage = new HttpRequestMessage(HttpMethod.Get, target) };
        if (limit is not null)
        {
            answer.Headers.TryAddWithoutValidation("RateLimit", limit);
        }

        return answer;
    }
}
