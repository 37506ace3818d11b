using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.Hosting.Grpc;

/// <summary>One call on the server: checks the envelope, runs the handler under the caller's deadline, writes messages and the closing status.</summary>
internal static partial class GrpcServerCall
{
    public static async Task RunAsync<TRequest, TResponse>(
        HttpContext http, GrpcMethod<TRequest, TResponse> method, Func<IAsyncEnumerable<TRequest>, RpcContext, IAsyncEnumerable<TResponse>> handler)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        if (!BeginAnswer(http))
        {
            return;
        }

        TimeProvider time = http.RequestServices.GetService<TimeProvider>() ?? TimeProvider.System;
        TimeSpan? timeout = null;
        if (http.Request.Headers.TryGetValue(GrpcProtocol.Timeout, out Microsoft.Extensions.Primitives.StringValues text))
        {
            if (!GrpcProtocol.TryParseTimeout(text.ToString(), out TimeSpan parsed))
            {
                End(http, RpcCode.Internal, $"grpc-timeout '{text}' is not a timeout");
                return;
            }

            timeout = parsed;
        }

        using CancellationTokenSource? deadline = timeout is null ? null : new CancellationTokenSource(timeout.Value, time);
        using var call = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, deadline?.Token ?? CancellationToken.None);
        var context = new RpcContext(http, timeout is null ? null : time.GetUtcNow() + timeout.Value, call.Token);
        try
        {
            CheckEncoding(http);
            IAsyncEnumerable<TRequest> requests = GrpcFrames.ReadAllAsync(http.Request.BodyReader, method.RequestParser, GrpcProtocol.DefaultMaxMessageSize, call.Token);
            await foreach (TResponse response in handler(requests, context).WithCancellation(call.Token))
            {
                GrpcFrames.Write(http.Response.BodyWriter, response);
                await http.Response.BodyWriter.FlushAsync(call.Token);
            }

            End(http, RpcCode.Ok, "");
        }
        catch (RpcException e)
        {
            End(http, e.Code, e.Message);
        }
        catch (OperationCanceledException) when (deadline is { IsCancellationRequested: true })
        {
            End(http, RpcCode.DeadlineExceeded, "the deadline passed");
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            End(http, RpcCode.Cancelled, "the caller went away");
        }
        catch (Exception e)
        {
            Log.HandlerFailed(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(GrpcServerCall)), method.Path, e);
            End(http, RpcCode.Internal, "an unexpected error; the log of the server tells more");
        }
    }

    public static Task UnimplementedAsync(HttpContext http)
    {
        if (BeginAnswer(http))
        {
            End(http, RpcCode.Unimplemented, $"unknown method {http.Request.Path}");
        }

        return Task.CompletedTask;
    }

    /// <summary>HTTP-level refusals happen here, because a peer that does not speak gRPC would not understand a grpc-status.</summary>
    private static bool BeginAnswer(HttpContext http)
    {
        if (http.Request.Method != HttpMethods.Post || !GrpcProtocol.IsGrpcContentType(http.Request.ContentType))
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return false;
        }

        http.Response.ContentType = GrpcProtocol.ContentType;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null; // each message is limited instead: a stream of them has no end
        }

        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null; // a stream may rest
        }

        return true;
    }

    private static void CheckEncoding(HttpContext http)
    {
        string encoding = http.Request.Headers[GrpcProtocol.Encoding].ToString();
        if (encoding.Length > 0 && encoding != GrpcProtocol.Identity)
        {
            http.Response.Headers[GrpcProtocol.AcceptEncoding] = GrpcProtocol.Identity;
            throw new RpcException(RpcCode.Unimplemented, $"grpc-encoding '{encoding}' is not supported; use identity");
        }
    }

    /// <summary>Trailers after a body; a single header block (the trailers-only form) when nothing was written yet.</summary>
    private static void End(HttpContext http, RpcCode code, string message)
    {
        string status = ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (http.Response.HasStarted)
        {
            http.Response.AppendTrailer(GrpcProtocol.Status, status);
            if (message.Length > 0)
            {
                http.Response.AppendTrailer(GrpcProtocol.Message, GrpcProtocol.EncodeMessage(message));
            }
        }
        else
        {
            http.Response.Headers[GrpcProtocol.Status] = status;
            if (message.Length > 0)
            {
                http.Response.Headers[GrpcProtocol.Message] = GrpcProtocol.EncodeMessage(message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "gRPC method {Method} failed unexpectedly")]
        public static partial void HandlerFailed(ILogger logger, string method, Exception exception);
    }
}
