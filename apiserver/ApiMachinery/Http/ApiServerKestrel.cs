using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AiModels.ApiMachinery.Http;

/// <summary>Kestrel as an API server needs it.</summary>
public static class ApiServerKestrel
{
    // kube-apiserver multiplexes everybody over a few connections: 100 streams, the default, would stall it behind its watches (contract A5).
    private const int MaximumStreams = 1000;

    // 8 MiB a stream: curl -T speaks HTTP/2 when it can, and with 1 MiB an upload of gigabytes cost twice the processor time, because sender and
    // receiver woke each other for every other frame. 32 MiB bound what one connection can make us hold.
    private const int StreamWindow = 8 << 20;
    private const int ConnectionWindow = 32 << 20;

    // Go's limit, which clients of Kubernetes are used to: Kestrel's 8 KiB for a path are less than some selectors, and its 100 headers are less than the groups
    // that a front proxy tells of some users.
    private const int HeaderBytes = 1 << 20;
    private const int HeaderCount = 4096;

    /// <summary>
    /// Limits of the HTTP server itself (contract A5, H10). Bodies are bounded by RequestLimits and the handlers. Listen with HTTP/1.1 and HTTP/2, and let any
    /// client certificate through the handshake: whether one is good is for the authenticators, so that its refusal is a 401 with a Status (contract A3).
    /// </summary>
    public static void UseApiServerLimits(this KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;

        // A warning names the field it is about, in whatever script that is; Go's clients read UTF-8. For every header: chosen by name, Kestrel writes question marks.
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.UTF8;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MaximumStreams;
        kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindow;
        kestrel.Limits.Http2.MaxRequestHeaderFieldSize = HeaderBytes;
        kestrel.Limits.MaxRequestLineSize = HeaderBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = HeaderBytes;
        kestrel.Limits.MaxRequestHeaderCount = HeaderCount;
        kestrel.Limits.MaxConcurrentConnections = OpenFileLimit.Connections();
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(90);
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(32);

        // A watch may be silent for long, and an upload slow: neither is an attack here.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
    }
}
