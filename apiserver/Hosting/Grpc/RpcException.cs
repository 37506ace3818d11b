namespace AiModels.Hosting.Grpc;

/// <summary>
/// A call ended with a status other than OK. Thrown by a server's handler it becomes the call's status and message, word for word, so the message is
/// written for the caller; thrown by the client it is what the server said, or what kept it from saying anything (Unavailable, DeadlineExceeded).
/// </summary>
public sealed class RpcException(RpcCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public RpcCode Code { get; } = code;
}
