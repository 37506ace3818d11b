using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.EtcdStore;

/// <summary>etcd's own authentication: a token for name and password. It is good at every member, and forgotten by etcd after a while without use.</summary>
internal sealed class EtcdTokens(EtcdStoreOptions options) : IDisposable
{
    private readonly SemaphoreSlim _asking = new(1);
    private volatile string? _token;

    public string? Current => _token;

    /// <summary>Gets a token when one is needed and there is none.</summary>
    public async ValueTask EnsureAsync(GrpcChannel channel, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (options.UserName is null || _token is not null)
        {
            return;
        }

        await _asking.WaitAsync(cancellationToken);
        try
        {
            if (_token is null)
            {
                var request = new AuthenticateRequest { Name = options.UserName, Password = options.Password ?? "" };
                _token = (await channel.CallAsync(EtcdMethods.Authenticate, request, timeout, cancellationToken)).Token;
            }
        }
        finally
        {
            _asking.Release();
        }
    }

    /// <summary>The token was refused. A newer one stays.</summary>
    public void Forget(string? refused) => Interlocked.CompareExchange(ref _token, null, refused);

    public void Dispose() => _asking.Dispose();
}
