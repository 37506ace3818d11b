using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace AiModels.Hosting.Grpc;

/// <summary>Reads the messages of a response and then its status: from the trailers, or from the headers when the server answered with those alone.</summary>
internal static class GrpcResponse
{
    // A page of objects has megabytes: read by 4 KiB, the default, most of the time goes into asking.
    private static readonly StreamPipeReaderOptions Reading = new(bufferSize: 64 * 1024);

    public static async IAsyncEnumerable<TResponse> ReadAllAsync<TResponse>(
        HttpResponseMessage response, MessageParser<TResponse> parser, int maxMessageSize, [EnumeratorCancellation] CancellationToken cancellationToken)
        where TResponse : IMessage<TResponse>
    {
        if (Status(response.Headers) is { } only)
        {
            ThrowUnlessOk(only);
            yield break;
        }

        if (response.StatusCode != HttpStatusCode.OK || !GrpcProtocol.IsGrpcContentType(response.Content.Headers.ContentType?.MediaType))
        {
            throw new RpcException(
                GrpcProtocol.FromHttpStatus((int)response.StatusCode),
                $"the server answered HTTP {(int)response.StatusCode} with '{response.Content.Headers.ContentType}', which is not gRPC");
        }

        PipeReader body = PipeReader.Create(await response.Content.ReadAsStreamAsync(cancellationToken), Reading);
        IAsyncEnumerator<TResponse> messages = GrpcFrames.ReadAllAsync(body, parser, maxMessageSize, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (await MoveNextAsync(messages))
            {
                yield return messages.Current;
            }
        }
        finally
        {
            await messages.DisposeAsync();
            await body.CompleteAsync();
        }

        ThrowUnlessOk(Status(response.TrailingHeaders) ?? (RpcCode.Internal, "the server ended the call without a grpc-status"));
    }

    private static async Task<bool> MoveNextAsync<T>(IAsyncEnumerator<T> messages)
    {
        try
        {
            return await messages.MoveNextAsync();
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new RpcException(RpcCode.Unavailable, $"the connection broke: {e.Message}", e);
        }
    }

    private static (RpcCode Code, string Message)? Status(System.Net.Http.Headers.HttpResponseHeaders headers)
    {
        if (!headers.TryGetValues(GrpcProtocol.Status, out IEnumerable<string>? values))
        {
            return null;
        }

        string text = values.First();
        RpcCode code = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && Enum.IsDefined((RpcCode)number)
            ? (RpcCode)number
            : RpcCode.Unknown;
        string message = headers.TryGetValues(GrpcProtocol.Message, out IEnumerable<string>? messages) ? GrpcProtocol.DecodeMessage(messages.First()) : "";
        return (code, message);
    }

    private static void ThrowUnlessOk((RpcCode Code, string Message) status)
    {
        if (status.Code != RpcCode.Ok)
        {
            throw new RpcException(status.Code, status.Message);
        }
    }
}
