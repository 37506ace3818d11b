using AiModels.Contracts.NodeCache;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Mounting;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.CsiDriver.Tests;

/// <summary>The real driver on a real socket, beside a node agent that the test plays.</summary>
internal sealed class RunningDriver : IAsyncDisposable
{
    public const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private readonly WebApplication _app;
    private readonly GrpcChannel _channel;
    private readonly CancellationToken _cancellationToken;

    private RunningDriver(string folder, WebApplication app, FakeNodeAgent agent, FakeMounter mounter, GrpcChannel channel, CancellationToken cancellationToken)
    {
        Folder = folder;
        _app = app;
        Agent = agent;
        Mounter = mounter;
        _channel = channel;
        _cancellationToken = cancellationToken;
    }

    /// <summary>Removed at the end.</summary>
    public string Folder { get; }

    public FakeNodeAgent Agent { get; }

    public FakeMounter Mounter { get; }

    public string Target => Path.Combine(Folder, "pods", "volume");

    /// <summary>A folder as the agent would name it, with one file in it.</summary>
    public string Model => Path.Combine(Folder, "models", Digest["sha256:".Length..]);

    public static async Task<RunningDriver> StartAsync(CancellationToken cancellationToken, IMounter? realMounter = null)
    {
        string folder = Directory.CreateTempSubdirectory("csi-").FullName;
        var options = new CsiDriverOptions
        {
            Endpoint = $"unix://{folder}/csi.sock",
            RegistrationSocket = $"unix://{folder}/reg.sock",
            Agent = $"unix://{folder}/agent.sock",
            NodeId = "node-1",
        };
        var mounter = new FakeMounter();
        FakeNodeAgent agent = await FakeNodeAgent.StartAsync(options.AgentPath);
        WebApplication app = CsiDriverApplication.Create(options, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton(realMounter ?? mounter);
        });
        await app.StartAsync(cancellationToken);
        var driver = new RunningDriver(folder, app, agent, mounter, GrpcChannel.ForUnixSocket(options.EndpointPath, TimeProvider.System), cancellationToken);
        Directory.CreateDirectory(driver.Model);
        await File.WriteAllTextAsync(Path.Combine(driver.Model, "config.json"), "{}", cancellationToken);
        agent.OnEnsure = _ => (200, new EnsureModelResponse { Path = driver.Model });
        return driver;
    }

    public Task<TResponse> CallAsync<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method, TRequest request)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> => _channel.CallAsync(method, request, TimeSpan.FromSeconds(20), _cancellationToken);

    public async Task<RpcCode> CodeOfAsync<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method, TRequest request)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        try
        {
            await CallAsync(method, request);
            return RpcCode.Ok;
        }
        catch (RpcException e)
        {
            return e.Code;
        }
    }

    /// <summary>What kubelet sends for an inline volume of a Pod.</summary>
    public NodePublishVolumeRequest Publish(Action<NodePublishVolumeRequest>? change = null)
    {
        var request = new NodePublishVolumeRequest
        {
            VolumeId = "csi-1",
            TargetPath = Target,
            Readonly = true,
            VolumeCapability = new VolumeCapability
            {
                Mount = new VolumeCapability.Types.MountVolume(),
                AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter },
            },
            VolumeContext =
            {
                [CsiAttributes.PodNamespace] = "team-a",
                [CsiAttributes.PodName] = "app-0",
                [CsiAttributes.PodUid] = "4f3c",
                [CsiAttributes.Ephemeral] = "true",
                [CsiAttributes.ModelKind] = "Model",
                [CsiAttributes.ModelName] = "tiny",
                [CsiAttributes.Digest] = Digest,
            },
        };
        change?.Invoke(request);
        return request;
    }

    public NodeUnpublishVolumeRequest Unpublish() => new() { VolumeId = "csi-1", TargetPath = Target };

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _app.DisposeAsync();
        await Agent.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
