using AiModels.ApiMachinery.Storage;
using AiModels.Hosting.Grpc;

namespace AiModels.EtcdStore;

/// <summary>What a failed call means. etcd tells by code and by text (its api/v3rpc/rpctypes/error.go).</summary>
internal static class EtcdErrors
{
    /// <summary>The request never left: no member could be connected to, or one refused it before it looked at it. It may be sent again, whatever it is.</summary>
    public static bool WasNotTaken(RpcException error) =>
        error.InnerException is HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
        }
        || error is { Code: RpcCode.Unavailable, Message: "etcdserver: no leader" }
        || error is { Code: RpcCode.ResourceExhausted, Message: "etcdserver: too many requests" };

    /// <summary>Whether another member, or the same one a little later, may do better.</summary>
    public static bool IsPassing(RpcException error) =>
        WasNotTaken(error) || error.Code is RpcCode.Unavailable or RpcCode.DeadlineExceeded or RpcCode.Cancelled;

    /// <summary>The token is too old, or was given before rights were changed: a new one helps.</summary>
    public static bool WantsNewToken(string message) =>
        message.Contains("invalid auth token", StringComparison.Ordinal) || message.Contains("revision of auth store is old", StringComparison.Ordinal);

    public static bool IsCompacted(RpcException error) =>
        error.Code == RpcCode.OutOfRange && error.Message.Contains("compacted", StringComparison.Ordinal);

    public static bool IsFuture(RpcException error) =>
        error.Code == RpcCode.OutOfRange && error.Message.Contains("future", StringComparison.Ordinal);

    /// <summary>Our own limit of a response's size (<see cref="GrpcChannel.MaxMessageSize"/>), not one of etcd's.</summary>
    public static bool IsTooLargeAnAnswer(RpcException error) =>
        error.Code == RpcCode.ResourceExhausted && error.Message.StartsWith("a message has", StringComparison.Ordinal);

    /// <summary>What the store's users are told.</summary>
    public static Exception ToStoreError(RpcException error) =>
        error.Message.Contains("request is too large", StringComparison.Ordinal) || error.Message.Contains("received message larger", StringComparison.Ordinal)
            ? new ValueTooLargeException($"etcd takes no value this large ({error.Message}); raise its --max-request-bytes", error)
            : new StoreUnavailableException($"etcd: {error.Message}", error);
}
