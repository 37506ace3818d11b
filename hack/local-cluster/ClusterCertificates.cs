using AiModels.Hosting.Certificates;

namespace AiModels.LocalCluster;

/// <summary>The certificates of one local cluster, made at its first start.</summary>
internal sealed class ClusterCertificates
{
    private static readonly string[] Loopback = ["127.0.0.1", "::1", "localhost"];

    public ClusterCertificates(ClusterPaths paths, TimeProvider time)
    {
        Authority = CertificateAuthority.LoadOrCreate(paths.Pki, "ca", time);
        FrontProxyAuthority = CertificateAuthority.LoadOrCreate(paths.Pki, "front-proxy-ca", time);
        AuthorityFile = Path.Combine(paths.Pki, "ca.crt");
        FrontProxyAuthorityFile = Path.Combine(paths.Pki, "front-proxy-ca.crt");
        Host = Server(paths, "host", "kubernetes", "kubernetes.default", "kubernetes.default.svc");
        ApiServer = Server(paths, "apiserver", "ai-models-apiserver.d8-ai-models.svc");
        Registry = Server(paths, "registry", "ai-models-registry.d8-ai-models.svc");
        Webhook = Server(paths, "webhook", "ai-models-controllers.d8-ai-models.svc");
        FrontProxy = FrontProxyAuthority.LoadOrIssue(paths.Pki, "front-proxy-client", new CertificateRequestOptions("front-proxy-client") { ForClient = true });
        Admin = Authority.LoadOrIssue(paths.Pki, "admin", new CertificateRequestOptions("kubernetes-admin") { Organizations = ["system:masters"], ForClient = true });
    }

    public CertificateAuthority Authority { get; }
    public CertificateAuthority FrontProxyAuthority { get; }
    public string AuthorityFile { get; }
    public string FrontProxyAuthorityFile { get; }
    public (string CertificateFile, string KeyFile) Host { get; }
    public (string CertificateFile, string KeyFile) ApiServer { get; }
    public (string CertificateFile, string KeyFile) Registry { get; }
    public (string CertificateFile, string KeyFile) Webhook { get; }
    public (string CertificateFile, string KeyFile) FrontProxy { get; }
    public (string CertificateFile, string KeyFile) Admin { get; }

    /// <summary>A certificate that says what the token of this service account would: who it is.</summary>
    public (string CertificateFile, string KeyFile) ServiceAccount(ClusterPaths paths, string ns, string name) => Authority.LoadOrIssue(
        paths.Pki,
        name,
        new CertificateRequestOptions($"system:serviceaccount:{ns}:{name}") { Organizations = ["system:serviceaccounts", $"system:serviceaccounts:{ns}"], ForClient = true });

    private (string CertificateFile, string KeyFile) Server(ClusterPaths paths, string name, params string[] names) =>
        Authority.LoadOrIssue(paths.Pki, name, new CertificateRequestOptions(name) { Hosts = [.. Loopback, .. names], ForServer = true });
}
