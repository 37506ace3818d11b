using Google.Protobuf;

namespace AiModels.Hosting.Grpc;

/// <summary>One method of a service: its name and how its messages are read. The same value serves the server and the client.</summary>
/// <param name="Service">Full name with the package, for instance csi.v1.Identity.</param>
/// <param name="Name">For instance Probe.</param>
public sealed record GrpcMethod<TRequest, TResponse>(
    string Service, string Name, MessageParser<TRequest> RequestParser, MessageParser<TResponse> ResponseParser)
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    /// <summary>The :path of the HTTP/2 request.</summary>
    public string Path => $"/{Service}/{Name}";
}
