using AiModels.Hosting.Grpc;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiServer.Tests.Hosting.Grpc;

/// <summary>A small service on a real unix socket: strings and numbers in well-known message types.</summary>
internal sealed class GrpcTestServer : IAsyncDisposable
{
    public static readonly GrpcMethod<StringValue, StringValue> Echo = new("test.Echo", "Say", StringValue.Parser, StringValue.Parser);
    public static readonly GrpcMethod<StringValue, StringValue> Fail = new("test.Echo", "Fail", StringValue.Parser, StringValue.Parser);
    public static readonly GrpcMethod<StringValue, StringValue> Crash = new("test.Echo", "Crash", StringValue.Parser, StringValue.Parser);
    public static readonly GrpcMethod<StringValue, StringValue> Hang = new("test.Echo", "Hang", StringValue.Parser, StringValue.Parser);
    public static readonly GrpcMethod<StringValue, StringValue> Unknown = new("test.Echo", "Nothing", StringValue.Parser, StringValue.Parser);
    public static readonly GrpcMethod<Int32Value, Int32Value> Count = new("test.Echo", "Count", Int32Value.Parser, Int32Value.Parser);
    public static readonly GrpcMethod<Int32Value, Int32Value> Double = new("test.Echo", "Double", Int32Value.Parser, Int32Value.Parser);

    private readonly WebApplication _app;

    private GrpcTestServer(WebApplication app, string socket, GrpcChannel channel)
    {
        _app = app;
        Socket = socket;
        Channel = channel;
    }

    public string Socket { get; }

    public GrpcChannel Channel { get; }

    /// <summary>Completed when the handler of <see cref="Hang"/> was cancelled.</summary>
    public TaskCompletionSource HangCancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<GrpcTestServer> StartAsync()
    {
        string socket = Path.Combine(Directory.CreateTempSubdirectory("grpc-").FullName, "grpc.sock");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenGrpc(socket));
        WebApplication app = builder.Build();
        var server = new GrpcTestServer(app, socket, GrpcChannel.ForUnixSocket(socket, TimeProvider.System));
        server.Map();
        await app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(Socket)!, recursive: true);
    }

    private void Map()
    {
        _app.MapGrpc(Echo, (request, _) => Task.FromResult(request));
        _app.MapGrpc(Fail, Task<StringValue> (request, _) => throw new RpcException(RpcCode.NotFound, request.Value));
        _app.MapGrpc(Crash, Task<StringValue> (_, _) => throw new InvalidOperationException("secret detail"));
        _app.MapGrpc(Hang, async Task<StringValue> (request, context) =>
        {
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
            }
            finally
            {
                HangCancelled.TrySetResult();
            }

            return request;
        });
        _app.MapGrpcServerStream(Count, (request, _) => CountTo(request.Value));
        _app.MapGrpcDuplex(Double, (requests, _) => DoubleEach(requests));
        _app.MapGrpcUnimplemented();
    }

    private static async IAsyncEnumerable<Int32Value> CountTo(int last)
    {
        for (int i = 1; i <= last; i++)
        {
            await Task.Yield();
            yield return new Int32Value { Value = i };
        }

        if (last > 3)
        {
            throw new RpcException(RpcCode.OutOfRange, "counted too far");
        }
    }

    private static async IAsyncEnumerable<Int32Value> DoubleEach(IAsyncEnumerable<Int32Value> requests)
    {
        await foreach (Int32Value request in requests)
        {
            yield return new Int32Value { Value = request.Value * 2 };
        }
    }
}
