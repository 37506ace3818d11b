using System.Net;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>The hub said no, or cannot be reached. The message is for the user.</summary>
internal sealed class HubException(string message, HttpStatusCode status, bool isRevisionMissing = false, Exception? inner = null) : Exception(message, inner)
{
    public HttpStatusCode Status { get; } = status;

    /// <summary>The repository is there, the revision is not.</summary>
    public bool IsRevisionMissing { get; } = isRevisionMissing;

    /// <summary>Passes by itself: load, or a failure on the hub's side or on the way to it.</summary>
    public bool IsTransient => Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)Status >= 500;

    /// <summary>No answer came.</summary>
    public static HubException Unreachable(string host, Exception cause) =>
        new($"{host} cannot be reached: {Words(cause).TrimEnd('.')}.", HttpStatusCode.ServiceUnavailable, inner: cause);

    /// <summary>The innermost words: a refused connection or an untrusted certificate is told three exceptions deep.</summary>
    private static string Words(Exception cause) => cause.InnerException is { } inner and not OperationCanceledException ? Words(inner) : cause.Message;
}
