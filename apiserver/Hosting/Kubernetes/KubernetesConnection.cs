using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using AiModels.Hosting.CommandLine;

namespace AiModels.Hosting.Kubernetes;

/// <summary>Where an API server is, whom we trust there, and who we are.</summary>
public sealed record KubernetesConnection
{
    private const string ServiceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

    public required Uri Server { get; init; }

    /// <summary>CAs of the server; null for the system's.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Name to expect in the server's certificate instead of the host of <see cref="Server"/>.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>insecure-skip-tls-verify of a kubeconfig: nothing is verified.</summary>
    public bool SkipTlsVerification { get; init; }
    public X509Certificate2? ClientCertificate { get; init; }
    public string? Token { get; init; }

    /// <summary>File that holds the token; it is read again every minute, because projected tokens are rotated.</summary>
    public string? TokenFile { get; init; }

    /// <summary>Basic authentication.</summary>
    public NetworkCredential? Basic { get; init; }

    /// <summary>Namespace of the context, or of the Pod.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>
    /// The kubeconfig when one is named, else the Pod's service account. <see cref="BadOptionException"/> when there is neither, or the file is not usable.
    /// </summary>
    /// <param name="kubeconfig">Path of a kubeconfig, or null.</param>
    /// <param name="option">The option that names it, for the message.</param>
    public static KubernetesConnection Load(string? kubeconfig, string option = "--kubeconfig")
    {
        if (!string.IsNullOrEmpty(kubeconfig)) return Kubeconfig.Load(kubeconfig, option);
        if (Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is { Length: > 0 } host) return InCluster(host);
        throw new BadOptionException($"{option} is required outside of a cluster");
    }

    /// <summary>A client over this connection: TLS, credentials, HTTP/2, no timeout of its own (watches live long). The caller disposes it.</summary>
    public HttpClient CreateHttpClient(TimeProvider time)
    {
        var transport = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            // A peer that vanished without a word is noticed within 45 seconds, also under an idle watch.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            AutomaticDecompression = DecompressionMethods.None,
            UseProxy = false,
        };
        ConfigureTls(transport.SslOptions);
        HttpMessageHandler handler = new UnreachableServer { InnerHandler = transport };
        if (Token != null || TokenFile != null) handler = new BearerTokenHandler(this, time) { InnerHandler = handler };
        var client = new HttpClient(handler)
        {
            BaseAddress = Server,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = Server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("ai-models/" + (typeof(KubernetesConnection).Assembly.GetName().Version?.ToString(3) ?? "0"));
        if (Basic is { } basic)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{basic.UserName}:{basic.Password}")));
        return client;
    }

    private void ConfigureTls(SslClientAuthenticationOptions tls)
    {
        if (TlsServerName != null) tls.TargetHost = TlsServerName;
        if (ClientCertificate != null) tls.ClientCertificates = [ClientCertificate];
        if (SkipTlsVerification)
        {
#pragma warning disable CA5359 // The kubeconfig asks for it in so many words.
            tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (CertificateAuthorities != null)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(CertificateAuthorities);
        }
    }

    private static KubernetesConnection InCluster(string host)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(Path.Combine(ServiceAccountDirectory, "ca.crt"));
        string port = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT") is { Length: > 0 } given ? given : "443";
        string namespaceFile = Path.Combine(ServiceAccountDirectory, "namespace");
        return new KubernetesConnection
        {
            Server = new Uri($"https://{(host.Contains(':') ? $"[{host}]" : host)}:{port}/"),
            CertificateAuthorities = authorities,
            TokenFile = Path.Combine(ServiceAccountDirectory, "token"),
            Namespace = File.Exists(namespaceFile) ? File.ReadAllText(namespaceFile).Trim() : "default",
        };
    }

    private sealed class BearerTokenHandler(KubernetesConnection connection, TimeProvider time) : DelegatingHandler
    {
        private static readonly TimeSpan ReadAgain = TimeSpan.FromMinutes(1);
        private string? _token = connection.Token;
        private long _read = long.MinValue;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (connection.TokenFile != null && (_read == long.MinValue || time.GetElapsedTime(_read) > ReadAgain))
            {
                _token = (await File.ReadAllTextAsync(connection.TokenFile, cancellationToken)).Trim();
                _read = time.GetTimestamp();
            }

            request.Headers.Authorization ??= new AuthenticationHeaderValue("Bearer", _token);
            return await base.SendAsync(request, cancellationToken);
        }
    }
}
