using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Google.Protobuf;

namespace AiModels.Hosting.Grpc;

/// <summary>
/// A connection to a gRPC server: unary calls and duplex streams over HTTP/2 (prior knowledge without TLS). Safe for concurrent use; calls share one
/// connection. Every failure is an <see cref="RpcException"/>, but cancellation by the caller, which passes through.
/// </summary>
public sealed class GrpcChannel : IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly Uri _address;
    private readonly TimeProvider _time;

    /// <param name="address">http://host:port or https://host:port.</param>
    /// <param name="handler">Carries the calls; the channel disposes it.</param>
    public GrpcChannel(Uri address, HttpMessageHandler handler, TimeProvider time)
    {
        _address = address;
        _http = new HttpMessageInvoker(handler);
        _time = time;
    }

    /// <summary>The largest response message in bytes.</summary>
    public int MaxMessageSize { get; init; } = GrpcProtocol.DefaultMaxMessageSize;

    /// <summary>A channel to a unix socket. The socket is dialled when the first call is made, and again after it broke.</summary>
    public static GrpcChannel ForUnixSocket(string path, TimeProvider time) =>
        new(new Uri("http://localhost"), new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        }, time);

    /// <summary>A channel to a TCP address.</summary>
    public static GrpcChannel ForAddress(Uri address, TimeProvider time) =>
        new(address, new SocketsHttpHandler { EnableMultipleHttp2Connections = true }, time);

    /// <summary>One request, one response.</summary>
    /// <param name="timeout">The deadline, told to the server too. Null waits for ever.</param>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        var body = new ArrayBufferWriter<byte>(GrpcProtocol.FrameHeaderSize + request.CalculateSize());
        GrpcFrames.Write(body, request);
        using CancellationTokenSource? deadline = timeout is null ? null : new CancellationTokenSource(timeout.Value, _time);
        using var call = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline?.Token ?? CancellationToken.None);
        try
        {
            using HttpResponseMessage response = await SendAsync(method.Path, new ReadOnlyMemoryContent(body.WrittenMemory), timeout, call.Token);
            TResponse? message = default;
            await foreach (TResponse next in GrpcResponse.ReadAllAsync(response, method.ResponseParser, MaxMessageSize, call.Token))
            {
                message = message is null ? next : throw new RpcException(RpcCode.Internal, $"{method.Path} answered more than one message");
            }

            return message ?? throw new RpcException(RpcCode.Internal, $"{method.Path} answered OK without a message");
        }
        catch (OperationCanceledException) when (deadline is { IsCancellationRequested: true } && !cancellationToken.IsCancellationRequested)
        {
            throw new RpcException(RpcCode.DeadlineExceeded, $"{method.Path} did not answer within {timeout}");
        }
    }

    /// <summary>Opens a stream in both directions. Dispose the call to end it.</summary>
    public GrpcDuplexCall<TRequest, TResponse> OpenDuplex<TRequest, TResponse>(GrpcMethod<TRequest, TResponse> method, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        var requests = new Pipe();
        return new GrpcDuplexCall<TRequest, TResponse>(
            method, requests.Writer, MaxMessageSize, token => SendAsync(method.Path, new PipeContent(requests.Reader), timeout: null, token), cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(string path, HttpContent content, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue(GrpcProtocol.ContentType);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        if (timeout is not null)
        {
            request.Headers.TryAddWithoutValidation(GrpcProtocol.Timeout, GrpcProtocol.FormatTimeout(timeout.Value));
        }

        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw new RpcException(RpcCode.Unavailable, $"cannot reach {_address.Authority} for {path}: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // Neither the caller nor the deadline: the handler's own limit for making a connection.
            var cause = new HttpRequestException(HttpRequestError.ConnectionError, e.Message, e);
            throw new RpcException(RpcCode.Unavailable, $"cannot reach {_address.Authority} for {path}: no connection in time", cause);
        }
    }
}
