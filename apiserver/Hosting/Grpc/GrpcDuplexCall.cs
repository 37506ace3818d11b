using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace AiModels.Hosting.Grpc;

/// <summary>
/// A stream in both directions. One writer and one reader at a time; they do not wait for one another. The call starts with <see cref="ReadAllAsync"/>,
/// so a first message may be written before it, as long as it fits the pipe's buffer (64 KiB).
/// </summary>
public sealed class GrpcDuplexCall<TRequest, TResponse> : IAsyncDisposable
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    private readonly GrpcMethod<TRequest, TResponse> _method;
    private readonly PipeWriter _requests;
    private readonly int _maxMessageSize;
    private readonly Func<CancellationToken, Task<HttpResponseMessage>> _send;
    private readonly CancellationTokenSource _ended;

    internal GrpcDuplexCall(
        GrpcMethod<TRequest, TResponse> method, PipeWriter requests, int maxMessageSize, Func<CancellationToken, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken)
    {
        _method = method;
        _requests = requests;
        _maxMessageSize = maxMessageSize;
        _send = send;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Sends one message. Waits while the peer's flow control holds.</summary>
    public async Task WriteAsync(TRequest request, CancellationToken cancellationToken)
    {
        GrpcFrames.Write(_requests, request);
        FlushResult flushed = await _requests.FlushAsync(cancellationToken);
        if (flushed.IsCompleted)
        {
            throw new RpcException(RpcCode.Unavailable, $"{_method.Path}: the stream has ended");
        }
    }

    /// <summary>Says that no more requests come. Responses may still.</summary>
    public ValueTask CompleteAsync() => _requests.CompleteAsync();

    /// <summary>The responses until the server ends the call; a status other than OK is thrown. May be called once.</summary>
    public async IAsyncEnumerable<TResponse> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token, cancellationToken);
        using HttpResponseMessage response = await _send(linked.Token);
        await foreach (TResponse message in GrpcResponse.ReadAllAsync(response, _method.ResponseParser, _maxMessageSize, linked.Token))
        {
            yield return message;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _requests.CompleteAsync();
        await _ended.CancelAsync();
        _ended.Dispose();
    }
}
