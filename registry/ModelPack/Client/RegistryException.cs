using System.Net;

namespace AiModels.ModelPack.Client;

/// <summary>The registry refused or failed. Code is the distribution specification's, for instance BLOB_UNKNOWN; UNKNOWN when the answer had none.</summary>
public sealed class RegistryException(string code, string message, HttpStatusCode status, Exception? inner = null)
    : IOException($"{code}: {message} (HTTP {(int)status})", inner)
{
    public string Code { get; } = code;
    public HttpStatusCode Status { get; } = status;

    /// <summary>What exactly is wrong, in the registry's words, when it said more than the code.</summary>
    public string? Detail { get; init; }

    /// <summary>Whether the same request may succeed later without anybody changing anything.</summary>
    public bool IsTransient => Status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError
        or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>What a manifest refers to is not there: it was never pushed, or it has rotted since.</summary>
    public bool IsContentMissing => Code == "MANIFEST_BLOB_UNKNOWN";

    /// <summary>Whether the registry has no room (RFC 4918 507, which our registry answers when its capacity limit is reached).</summary>
    public bool IsInsufficientStorage => Status is HttpStatusCode.InsufficientStorage;
}
