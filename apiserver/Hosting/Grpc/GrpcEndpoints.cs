using System.Runtime.CompilerServices;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace AiModels.Hosting.Grpc;

/// <summary>
/// Maps gRPC methods to handlers. A handler throws <see cref="RpcException"/> for a status of its own; any other exception is logged and becomes Internal
/// without its text. Call <see cref="MapGrpcUnimplemented"/> last, so that unknown methods get the status grpc peers expect instead of a 404.
/// </summary>
public static class GrpcEndpoints
{
    /// <summary>One request, one response.</summary>
    public static void MapGrpc<TRequest, TResponse>(
        this IEndpointRouteBuilder routes, GrpcMethod<TRequest, TResponse> method, Func<TRequest, RpcContext, Task<TResponse>> handler)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> =>
        routes.MapGrpcDuplex(method, (requests, context) => Unary(requests, context, handler));

    /// <summary>One request, a stream of responses.</summary>
    public static void MapGrpcServerStream<TRequest, TResponse>(
        this IEndpointRouteBuilder routes, GrpcMethod<TRequest, TResponse> method, Func<TRequest, RpcContext, IAsyncEnumerable<TResponse>> handler)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> =>
        routes.MapGrpcDuplex(method, (requests, context) => ServerStream(requests, context, handler));

    /// <summary>A stream of requests, a stream of responses, independent of one another.</summary>
    public static void MapGrpcDuplex<TRequest, TResponse>(
        this IEndpointRouteBuilder routes, GrpcMethod<TRequest, TResponse> method, Func<IAsyncEnumerable<TRequest>, RpcContext, IAsyncEnumerable<TResponse>> handler)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        routes.MapPost(method.Path, http => GrpcServerCall.RunAsync(http, method, handler));
    }

    /// <summary>Answers Unimplemented to every method that no handler was mapped for.</summary>
    public static void MapGrpcUnimplemented(this IEndpointRouteBuilder routes) =>
        routes.MapFallback("{**method}", GrpcServerCall.UnimplementedAsync);

    private static async IAsyncEnumerable<TResponse> Unary<TRequest, TResponse>(
        IAsyncEnumerable<TRequest> requests, RpcContext context, Func<TRequest, RpcContext, Task<TResponse>> handler)
    {
        yield return await handler(await SingleAsync(requests, context.CancellationToken), context);
    }

    private static async IAsyncEnumerable<TResponse> ServerStream<TRequest, TResponse>(
        IAsyncEnumerable<TRequest> requests, RpcContext context, Func<TRequest, RpcContext, IAsyncEnumerable<TResponse>> handler)
    {
        TRequest request = await SingleAsync(requests, context.CancellationToken);
        await foreach (TResponse response in handler(request, context).WithCancellation(context.CancellationToken))
        {
            yield return response;
        }
    }

    private static async Task<T> SingleAsync<T>(IAsyncEnumerable<T> requests, CancellationToken cancellationToken)
    {
        ConfiguredCancelableAsyncEnumerable<T>.Enumerator messages = requests.WithCancellation(cancellationToken).GetAsyncEnumerator();
        try
        {
            if (!await messages.MoveNextAsync())
            {
                throw new RpcException(RpcCode.Unimplemented, "the call has no request message");
            }

            T first = messages.Current;
            if (await messages.MoveNextAsync())
            {
                throw new RpcException(RpcCode.Unimplemented, "the method takes one request message, and the call has more");
            }

            return first;
        }
        finally
        {
            await messages.DisposeAsync();
        }
    }
}
