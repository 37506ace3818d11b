namespace AiModels.NodeAgent;

/// <summary>A request cannot be served; the code is a gRPC code's name, which the CSI driver hands to kubelet together with the message.</summary>
internal sealed class NodeAgentException(string code, string message) : Exception(message)
{
    public const string InvalidArgument = nameof(InvalidArgument);
    public const string NotFound = nameof(NotFound);
    public const string PermissionDenied = nameof(PermissionDenied);
    public const string ResourceExhausted = nameof(ResourceExhausted);
    public const string Unavailable = nameof(Unavailable);

    public string Code { get; } = code;
}
