using AiModels.Hosting.Grpc;

namespace AiModels.EtcdStore;

/// <summary>
/// One member: a connection for calls and another for watches, so that a long watch response does not hold up a call behind it.
/// Connections are made when they are needed, and again after they broke.
/// </summary>
internal sealed class EtcdEndpoint(Uri address, EtcdStoreOptions options, EtcdTokens tokens, TimeProvider time) : IDisposable
{
    // What a page of large objects may take; a larger one is asked for in smaller pages.
    private const int MaximumAnswer = 64 << 20;

    public Uri Address { get; } = address;

    public GrpcChannel Calls { get; } = Open(address, options, tokens, time);

    public GrpcChannel Watches { get; } = Open(address, options, tokens, time);

    public void Dispose()
    {
        Calls.Dispose();
        Watches.Dispose();
    }

    private static GrpcChannel Open(Uri address, EtcdStoreOptions options, EtcdTokens tokens, TimeProvider time)
    {
        var connection = new SocketsHttpHandler
        {
            SslOptions = EtcdTls.Options(options),
            ConnectTimeout = TimeSpan.FromSeconds(3),

            // A member that is gone without a word is noticed within 15 seconds. More often than every 5 seconds, or without a call, etcd refuses pings.
            KeepAlivePingDelay = TimeSpan.FromSeconds(10),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
            InitialHttp2StreamWindowSize = 1 << 20,
        };
        return new GrpcChannel(address, new EtcdMetadata(tokens, connection), time) { MaxMessageSize = MaximumAnswer };
    }
}
