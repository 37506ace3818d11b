using System.Buffers;
using System.Net.WebSockets;
using AiModels.ApiMachinery.Negotiation;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Where a watch's lines go.</summary>
internal interface IWatchSink : IAsyncDisposable
{
    /// <summary>Where the next event is written, newline included.</summary>
    IBufferWriter<byte> Output { get; }

    /// <summary>The event is whole. May wait for a slow client.</summary>
    ValueTask EndEventAsync(CancellationToken cancellationToken);

    /// <summary>Sends what is queued: called whenever there is nothing more to write now (contract W20).</summary>
    ValueTask FlushAsync(CancellationToken cancellationToken);
}

/// <summary>Chooses between a chunked answer and WebSocket messages.</summary>
internal static class WatchSinks
{
    public static async ValueTask<IWatchSink> OpenAsync(HttpContext context)
    {
        if (context.WebSockets.IsWebSocketRequest)
        {
            return new WebSocketSink(await context.WebSockets.AcceptWebSocketAsync(SubprotocolOf(context)));
        }

        HttpResponse response = context.Response;
        response.StatusCode = 200;
        response.ContentType = MediaTypes.Json;
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.StartAsync(context.RequestAborted);
        return new ResponseSink(response);
    }

    // Browsers fail a connection that echoes none of what they offered; a bearer token offered as a subprotocol is never echoed (contract W18).
    private static string? SubprotocolOf(HttpContext context) =>
        context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault(
            protocol => !protocol.StartsWith("base64url.bearer.authorization.k8s.io.", StringComparison.Ordinal));

    private sealed class ResponseSink(HttpResponse response) : IWatchSink
    {
        // More than this unsent means the client is slow: wait for it instead of queueing.
        private const long FlushFrom = 64 * 1024;

        public IBufferWriter<byte> Output => response.BodyWriter;

        public ValueTask EndEventAsync(CancellationToken cancellationToken) =>
            response.BodyWriter.UnflushedBytes >= FlushFrom ? FlushAsync(cancellationToken) : ValueTask.CompletedTask;

        public ValueTask FlushAsync(CancellationToken cancellationToken)
        {
            var flush = response.BodyWriter.FlushAsync(cancellationToken);
            return flush.IsCompletedSuccessfully ? Completed(flush.Result) : new ValueTask(flush.AsTask());
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private static ValueTask Completed(System.IO.Pipelines.FlushResult result) =>
            result.IsCanceled ? ValueTask.FromCanceled(new CancellationToken(true)) : ValueTask.CompletedTask;
    }

    private sealed class WebSocketSink(WebSocket socket) : IWatchSink
    {
        private readonly ArrayBufferWriter<byte> _message = new();

        public IBufferWriter<byte> Output => _message;

        public async ValueTask EndEventAsync(CancellationToken cancellationToken)
        {
            await socket.SendAsync(_message.WrittenMemory[..^1], WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            _message.ResetWrittenCount();
        }

        public ValueTask FlushAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public async ValueTask DisposeAsync()
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                try
                {
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                }
                catch (WebSocketException)
                {
                    // The client is gone already.
                }
            }

            socket.Dispose();
        }
    }
}
