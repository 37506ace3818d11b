using AiModels.Hosting.Grpc;
using Google.Protobuf.WellKnownTypes;

namespace AiModels.ApiServer.Tests.Hosting.Grpc;

[TestClass]
public sealed class GrpcCallTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public async Task Unary_WithText_AnswersIt()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        StringValue answer = await server.Channel.CallAsync(GrpcTestServer.Echo, Text("grüß dich"), TimeSpan.FromSeconds(10), TestContext.CancellationToken);
        Assert.AreEqual("grüß dich", answer.Value);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Unary_WithEmptyMessage_AnswersEmptyMessage()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        Assert.AreEqual("", (await server.Channel.CallAsync(GrpcTestServer.Echo, Text(""), null, TestContext.CancellationToken)).Value);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Unary_ManyAtOnce_AnswersEachItsOwn()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        StringValue[] answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i =>
            server.Channel.CallAsync(GrpcTestServer.Echo, Text(new string('x', i * 100) + i), null, TestContext.CancellationToken)));
        for (int i = 0; i < answers.Length; i++)
        {
            Assert.EndsWith($"{i}", answers[i].Value);
        }
    }

    [TestMethod, Timeout(30_000)]
    public async Task Handler_ThrowingRpcException_GivesItsCodeAndMessageWordForWord()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        RpcException e = await FailsAsync(server, GrpcTestServer.Fail, "100% größe\nline two");
        Assert.AreEqual(RpcCode.NotFound, e.Code);
        Assert.AreEqual("100% größe\nline two", e.Message);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Handler_ThrowingAnythingElse_IsInternalAndTellsNoDetail()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        RpcException e = await FailsAsync(server, GrpcTestServer.Crash, "x");
        Assert.AreEqual(RpcCode.Internal, e.Code);
        Assert.DoesNotContain("secret", e.Message);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Method_NobodyServes_IsUnimplemented()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        RpcException e = await FailsAsync(server, GrpcTestServer.Unknown, "x");
        Assert.AreEqual(RpcCode.Unimplemented, e.Code);
        Assert.Contains("/test.Echo/Nothing", e.Message);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Deadline_Passing_EndsTheCallAndCancelsTheHandler()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() =>
            server.Channel.CallAsync(GrpcTestServer.Hang, Text("x"), TimeSpan.FromMilliseconds(50), TestContext.CancellationToken));
        Assert.AreEqual(RpcCode.DeadlineExceeded, e.Code);
        await server.HangCancelled.Task;
    }

    [TestMethod, Timeout(30_000)]
    public async Task Message_AboveTheLimit_IsResourceExhausted()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        RpcException e = await FailsAsync(server, GrpcTestServer.Echo, new string('x', 5 * 1024 * 1024));
        Assert.AreEqual(RpcCode.ResourceExhausted, e.Code);
    }

    [TestMethod, Timeout(30_000)]
    public async Task ServerStream_Counting_GivesEveryMessageInOrder()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        await using GrpcDuplexCall<Int32Value, Int32Value> call = server.Channel.OpenDuplex(GrpcTestServer.Count, TestContext.CancellationToken);
        await call.WriteAsync(new Int32Value { Value = 3 }, TestContext.CancellationToken);
        await call.CompleteAsync();
        Assert.AreSequenceEqual([1, 2, 3], await ValuesAsync(call));
    }

    [TestMethod, Timeout(30_000)]
    public async Task ServerStream_FailingAfterMessages_GivesThemAndThenTheStatus()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        await using GrpcDuplexCall<Int32Value, Int32Value> call = server.Channel.OpenDuplex(GrpcTestServer.Count, TestContext.CancellationToken);
        await call.WriteAsync(new Int32Value { Value = 4 }, TestContext.CancellationToken);
        await call.CompleteAsync();
        var seen = new List<int>();
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(async () =>
        {
            await foreach (Int32Value value in call.ReadAllAsync(TestContext.CancellationToken))
            {
                seen.Add(value.Value);
            }
        });
        Assert.HasCount(4, seen);
        Assert.AreEqual(RpcCode.OutOfRange, e.Code);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Duplex_PingPong_AnswersBeforeTheRequestsEnd()
    {
        await using GrpcTestServer server = await GrpcTestServer.StartAsync();
        await using GrpcDuplexCall<Int32Value, Int32Value> call = server.Channel.OpenDuplex(GrpcTestServer.Double, TestContext.CancellationToken);
        await using IAsyncEnumerator<Int32Value> answers = call.ReadAllAsync(TestContext.CancellationToken).GetAsyncEnumerator(TestContext.CancellationToken);
        for (int i = 1; i <= 20; i++)
        {
            await call.WriteAsync(new Int32Value { Value = i }, TestContext.CancellationToken);
            Assert.IsTrue(await answers.MoveNextAsync());
            Assert.AreEqual(i * 2, answers.Current.Value);
        }

        await call.CompleteAsync();
        Assert.IsFalse(await answers.MoveNextAsync());
    }

    [TestMethod, Timeout(30_000)]
    public async Task Server_ThatIsGone_IsUnavailable()
    {
        using var channel = GrpcChannel.ForUnixSocket("/nonexistent/grpc.sock", TimeProvider.System);
        RpcException e = await Assert.ThrowsExactlyAsync<RpcException>(() => channel.CallAsync(GrpcTestServer.Echo, Text("x"), null, TestContext.CancellationToken));
        Assert.AreEqual(RpcCode.Unavailable, e.Code);
    }

    private static StringValue Text(string value) => new() { Value = value };

    private Task<RpcException> FailsAsync(GrpcTestServer server, GrpcMethod<StringValue, StringValue> method, string text) =>
        Assert.ThrowsExactlyAsync<RpcException>(() => server.Channel.CallAsync(method, Text(text), TimeSpan.FromSeconds(10), TestContext.CancellationToken));

    private async Task<List<int>> ValuesAsync(GrpcDuplexCall<Int32Value, Int32Value> call)
    {
        var values = new List<int>();
        await foreach (Int32Value value in call.ReadAllAsync(TestContext.CancellationToken))
        {
            values.Add(value.Value);
        }

        return values;
    }
}
