using Microsoft.AspNetCore.Http;

namespace AiModels.Hosting.Grpc;

/// <summary>What a handler may know of the call it serves.</summary>
public sealed class RpcContext
{
    private readonly HttpContext _http;

    internal RpcContext(HttpContext http, DateTimeOffset? deadline, CancellationToken cancellationToken)
    {
        _http = http;
        Deadline = deadline;
        CancellationToken = cancellationToken;
    }

    /// <summary>The full method name, /package.Service/Method.</summary>
    public string Method => _http.Request.Path.Value ?? "";

    /// <summary>When the caller stops waiting, if it said so.</summary>
    public DateTimeOffset? Deadline { get; }

    /// <summary>Cancelled when the caller goes away or the deadline passes.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>A metadata value of the call; null when there is none.</summary>
    public string? Metadata(string name) => _http.Request.Headers.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues value) ? value.ToString() : null;
}
