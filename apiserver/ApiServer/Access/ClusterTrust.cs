using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.CommandLine;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>
/// Whom this server believes, as upstream's delegated authentication finds it (contract A1, A2): what the options name, and for the rest the ConfigMap
/// <c>kube-system/extension-apiserver-authentication</c> of the host cluster, looked up at the start and watched: a rotated authority counts at once.
/// </summary>
internal sealed partial class ClusterTrust : IHostedService
{
    public const string Namespace = "kube-system";
    public const string Name = "extension-apiserver-authentication";
    private readonly ApiServerOptions _options;
    private readonly AuthorityFile? _clientFile;
    private readonly AuthorityFile? _proxyFile;
    private readonly FrontProxyOptions _fromOptions;
    private readonly IKubernetesClient? _cluster;
    private readonly ClusterCache? _cache;
    private readonly ILogger<ClusterTrust> _log;
    private X509Certificate2Collection _union = [];
    private (object Client, object Proxy) _unionOf;
    private TrustBundle _found = new();

    /// <param name="cluster">The host cluster; null when there is none, or nothing is to be looked up there.</param>
    /// <param name="cache">The ConfigMap, watched.</param>
    public ClusterTrust(ApiServerOptions options, IKubernetesClient? cluster, ClusterCache? cache, TimeProvider time, ILogger<ClusterTrust> log)
    {
        (_options, _cluster, _cache, _log) = (options, cluster, cache, log);
        _clientFile = options.ClientCaFile is { } clients ? new AuthorityFile("--client-ca-file", clients, time) : null;
        _proxyFile = options.RequestheaderClientCaFile is { } proxies ? new AuthorityFile("--requestheader-client-ca-file", proxies, time) : null;
        _fromOptions = new FrontProxyOptions
        {
            AllowedNames = options.RequestheaderAllowedNames,
            UsernameHeaders = options.RequestheaderUsernameHeaders,
            UidHeaders = options.RequestheaderUidHeaders,
            GroupHeaders = options.RequestheaderGroupHeaders,
            ExtraHeaderPrefixes = options.RequestheaderExtraHeadersPrefix,
        };
    }

    /// <summary>Authorities of client certificates.</summary>
    public X509Certificate2Collection ClientAuthorities => _clientFile?.Current ?? _found.ClientAuthorities;

    /// <summary>Authorities of the front proxy's certificate.</summary>
    public X509Certificate2Collection ProxyAuthorities => _proxyFile?.Current ?? _found.ProxyAuthorities;

    /// <summary>The front proxy's names and headers: the options' where they name its authority, else the ConfigMap's.</summary>
    public FrontProxyOptions FrontProxy => _proxyFile is not null ? _fromOptions : _found.FrontProxy;

    /// <summary>Both sets of authorities: what the handshake offers as acceptable (contract A3). The same object until one of them changes.</summary>
    public X509Certificate2Collection Union
    {
        get
        {
            (X509Certificate2Collection clients, X509Certificate2Collection proxies) = (ClientAuthorities, ProxyAuthorities);
            if (!ReferenceEquals(_unionOf.Client, clients) || !ReferenceEquals(_unionOf.Proxy, proxies))
            {
                (_union, _unionOf) = ([.. clients, .. proxies], (clients, proxies));
            }

            return _union;
        }
    }

    /// <summary>The first look-up: without it nobody could be let in, so that its failure ends the process unless that is allowed.</summary>
    /// <exception cref="BadOptionException">The ConfigMap cannot be read.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_cluster is null || _cache is null)
        {
            return;
        }

        _cache.Changed += Reload;
        try
        {
            _found = TrustBundle.Read(await _cluster.GetAsync(ResourceTypes.ConfigMaps, Namespace, Name, cancellationToken)
                ?? throw new FormatException("it does not exist"));
        }
        catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException or FormatException)
        {
            if (!_options.AuthenticationTolerateLookupFailure)
            {
                throw new BadOptionException(
                    $"the ConfigMap {Namespace}/{Name} of the host cluster cannot be read: {cause.Message}. Give this server's account the Role "
                    + "extension-apiserver-authentication-reader in kube-system, or use --authentication-tolerate-lookup-failure or --authentication-skip-lookup");
            }

            Log.LookupFailed(_log, cause.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Reload()
    {
        // A ConfigMap that was deleted or spoilt takes nobody's trust away: kube-apiserver writes it again.
        if (_cache!.Find(Name) is not { } configMap)
        {
            return;
        }

        try
        {
            _found = TrustBundle.Read(configMap);
            Log.Loaded(_log, _found.ClientAuthorities.Count, _found.ProxyAuthorities.Count);
        }
        catch (FormatException cause)
        {
            Log.Unreadable(_log, cause.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Who may authenticate could not be looked up in the host cluster, nobody is let in by certificate until it can be: {Reason}")]
        public static partial void LookupFailed(ILogger log, string reason);

        [LoggerMessage(2, LogLevel.Information, "Trust was read from the host cluster: {Clients} client authorities, {Proxies} front proxy authorities")]
        public static partial void Loaded(ILogger log, int clients, int proxies);

        [LoggerMessage(3, LogLevel.Warning, "The host cluster's extension-apiserver-authentication cannot be read, the last one stays: {Reason}")]
        public static partial void Unreadable(ILogger log, string reason);
    }
}
