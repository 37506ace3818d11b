using System.Net.Sockets;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver;

/// <summary>The node agent as the driver sees it. Every failure is an <see cref="RpcException"/> whose code and message go to kubelet as they are.</summary>
internal interface INodeAgentClient
{
    /// <summary>
    /// The folder of a model that is complete, protected from eviction until the volume is released. Throws Unavailable with the progress while it is
    /// being fetched, PermissionDenied when this Pod may not have it.
    /// </summary>
    Task<string> EnsureAsync(EnsureModelRequest request, CancellationToken cancellationToken);

    /// <summary>Gives a volume's lease back. A volume that has none is a success.</summary>
    Task ReleaseAsync(string volumeId, CancellationToken cancellationToken);
}

/// <summary>Speaks <see cref="NodeCacheApi"/> over the agent's unix socket.</summary>
internal sealed class NodeAgentClient : INodeAgentClient, IDisposable
{
    // Below kubelet's two minutes for a mount, so that it hears the reason and not its own timeout.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly HttpClient _http;
    private readonly string _socketPath;

    public NodeAgentClient(CsiDriverOptions options)
    {
        _socketPath = options.AgentPath;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = (_, cancellationToken) => ConnectAsync(cancellationToken) })
        {
            BaseAddress = new Uri("http://localhost"),
            Timeout = Timeout,
        };
    }

    public async Task<string> EnsureAsync(EnsureModelRequest request, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(
            () => _http.PostAsJsonAsync(NodeCacheApi.MountsPath, request, ContractsJson.Options, cancellationToken), cancellationToken);
        await ThrowUnlessSuccessAsync(response, cancellationToken);
        EnsureModelResponse answer = await response.Content.ReadFromJsonAsync<EnsureModelResponse>(ContractsJson.Options, cancellationToken)
            ?? throw new RpcException(RpcCode.Internal, "the node agent answered without a body");
        return answer.Path ?? throw new RpcException(
            RpcCode.Unavailable, $"{request.ModelKind} {request.ModelName} is being fetched: {answer.BytesDownloaded} of {answer.BytesExpected} bytes");
    }

    public async Task ReleaseAsync(string volumeId, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(
            () => _http.DeleteAsync($"{NodeCacheApi.MountsPath}/{Uri.EscapeDataString(volumeId)}", cancellationToken), cancellationToken);
        await ThrowUnlessSuccessAsync(response, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Func<Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        try
        {
            return await send();
        }
        catch (HttpRequestException e)
        {
            throw new RpcException(RpcCode.Unavailable, $"the node agent does not answer on {_socketPath}: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(RpcCode.Unavailable, $"the node agent did not answer on {_socketPath} within {Timeout.TotalSeconds} s", e);
        }
    }

    private static async Task ThrowUnlessSuccessAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string body = await response.Content.ReadAsStringAsync(cancellationToken);
        NodeCacheError? error = response.Content.Headers.ContentType?.MediaType == "application/json"
            ? System.Text.Json.JsonSerializer.Deserialize<NodeCacheError>(body, ContractsJson.Options)
            : null;
        throw error is not null && Enum.TryParse(error.Code, out RpcCode code) && code != RpcCode.Ok
            ? new RpcException(code, error.Message)
            : new RpcException(RpcCode.Internal, $"the node agent answered HTTP {(int)response.StatusCode}");
    }

    private async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
