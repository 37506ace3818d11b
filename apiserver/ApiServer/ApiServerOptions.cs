using System.ComponentModel.DataAnnotations;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Storage;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer;

/// <summary>Settings of the ApiServer. Names are upstream's (kube-apiserver, sample-apiserver) where upstream has them.</summary>
public sealed class ApiServerOptions : EtcdOptions, IValidatableObject
{
    [Option("Port of the API, HTTPS.", Placeholder = "PORT")]
    [Range(1, 65535)]
    public int SecurePort { get; set; } = 6443;

    [Option("Address to listen on.", Placeholder = "IP")]
    [Required]
    public string BindAddress { get; set; } = "0.0.0.0";

    [Option("Address at which other replicas reach this one, for --storage etcd. Default: --bind-address, or the host's first address.", Placeholder = "IP")]
    public string? AdvertiseAddress { get; set; }

    [Option("Serving certificate and its intermediates, PEM; read again when it changes. Without it a self-signed one is made.", Placeholder = "FILE")]
    public string? TlsCertFile { get; set; }

    [Option("Private key of the serving certificate, PEM.", Placeholder = "FILE")]
    public string? TlsPrivateKeyFile { get; set; }

    [Option("kubeconfig of the host cluster, for namespaces and whatever has no file of its own. In a Pod its service account is used.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("kubeconfig for TokenReviews. Default: --kubeconfig.", Placeholder = "FILE")]
    public string? AuthenticationKubeconfig { get; set; }

    [Option("kubeconfig for SubjectAccessReviews. Default: --kubeconfig; without any only system:masters is let in.", Placeholder = "FILE")]
    public string? AuthorizationKubeconfig { get; set; }

    [Option("Do not look up in the host cluster whom to believe; only the options below count.")]
    public bool AuthenticationSkipLookup { get; set; }

    [Option("Start although whom to believe could not be looked up in the host cluster; it is tried again.")]
    public bool AuthenticationTolerateLookupFailure { get; set; }

    [Option("Database: sqlite or litedb (embedded, one replica; litedb only where it is built in) or etcd (any number of replicas).", Placeholder = "ENGINE")]
    public string Storage { get; set; } = StorageEngines.Sqlite;

    [Option("Folder of the embedded database and, unless named elsewhere, of the grant key.", Placeholder = "DIR")]
    [Required]
    public string DataDir { get; set; } = "/var/lib/ai-models/apiserver";

    [Option("How often etcd's history is compacted to where it was one interval before; 0s leaves it to others.")]
    public TimeSpan EtcdCompactionInterval { get; set; } = TimeSpan.FromMinutes(5);

    [Option("Memory for objects that were read, so that the next list reads only keys and revisions; given back when idle. 0: none.", Bytes = true)]
    [Range(0, long.MaxValue)]
    public long ListCacheSize { get; set; } = ValueCache.DefaultBytes;

    [Option("Authorities of client certificates, PEM; read again when it changes. Default: the host cluster's.", Placeholder = "FILE")]
    public string? ClientCaFile { get; set; }

    [Option("Authorities of the front proxy's client certificate, PEM; read again when it changes. Default, also for the options below: the host cluster's.", Placeholder = "FILE")]
    public string? RequestheaderClientCaFile { get; set; }

    [Option("Common names that the front proxy's certificate may have; none named: any that verifies.", Placeholder = "NAME")]
    public List<string> RequestheaderAllowedNames { get; set; } = [];

    [Option("Headers with the user's name.", Placeholder = "HEADER")]
    public List<string> RequestheaderUsernameHeaders { get; set; } = ["X-Remote-User"];

    [Option("Headers with the user's UID.", Placeholder = "HEADER")]
    public List<string> RequestheaderUidHeaders { get; set; } = ["X-Remote-Uid"];

    [Option("Headers with the user's groups.", Placeholder = "HEADER")]
    public List<string> RequestheaderGroupHeaders { get; set; } = ["X-Remote-Group"];

    [Option("Beginnings of headers with further attributes of the user.", Placeholder = "HEADER")]
    public List<string> RequestheaderExtraHeadersPrefix { get; set; } = ["X-Remote-Extra-"];

    [Option("How long everything is served after SIGTERM, with /readyz failing, before requests are refused. In a cluster 15s to 35s.")]
    public TimeSpan ShutdownDelayDuration { get; set; }

    [Option("Chance that a request asks its HTTP/2 connection to close, so that clients spread over several replicas again; 0 to 0.02. With several replicas about 0.001.")]
    [Range(0, ApiMachineryOptions.MaximumGoAwayChance)]
    public double GoawayChance { get; set; }

    [Option("File for the audit log, one JSON document a line; - for standard output. Default: none.", Placeholder = "FILE")]
    public string? AuditLogPath { get; set; }

    [Option("Size in megabytes at which the audit log is rotated. 0: never by size.", Placeholder = "MB")]
    [Range(0, 1 << 20)]
    public int AuditLogMaxsize { get; set; } = 100;

    [Option("Rotated audit logs to keep. 0: all.", Placeholder = "COUNT")]
    [Range(0, 1 << 20)]
    public int AuditLogMaxbackup { get; set; } = 10;

    [Option("Days to keep rotated audit logs. 0: for ever.", Placeholder = "DAYS")]
    [Range(0, 36500)]
    public int AuditLogMaxage { get; set; }

    [Option("Bearer tokens, lines of token,user,uid,\"group1,group2\". For use on loopback.", Placeholder = "FILE")]
    public string? TokenAuthFile { get; set; }

    [Option("The registry that models are stored in: https://HOST:PORT, http://HOST:PORT or unix:///PATH.", Placeholder = "URL")]
    [Required]
    public string Registry { get; set; } = "";

    [Option("Authorities of the registry's certificate, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("The registry's address as grants tell it to others. Default: --registry.", Placeholder = "URL")]
    public string? RegistryUrl { get; set; }

    [Option("Private key that registry grants are signed with, PEM, made when missing; or a folder of *.pem, of which the last by name signs two minutes after it appeared. Default: grant.key in --data-dir.", Placeholder = "FILE|DIR")]
    public string? GrantKey { get; set; }

    [Option("Folder to publish the public half of the grant key in, where the registry reads it.", Placeholder = "DIR")]
    public string? GrantKeys { get; set; }

    [Option("Base URL of this server as uploaders reach it. Default: https://BIND-ADDRESS and the upload port.", Placeholder = "URL")]
    public Uri? ExternalUrl { get; set; }

    /// <summary>curl over HTTP/2 spends eight times the processor time of HTTP/1.1 on a large body, and a server cannot choose by client on one port.</summary>
    [Option("Second port, HTTPS with HTTP/1.1 only, that uploaders are sent to: large bodies are faster there. 0: the API's own port.", Placeholder = "PORT")]
    [Range(0, 65535)]
    public int UploadPort { get; set; }

    [Option("How long an upload session stays open after its last byte.")]
    public TimeSpan UploadLifetime { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Two tebibytes: twice the largest model anybody publishes. A chunk of a file this long has 256 MiB, which four uploads at once hold in memory.</summary>
    [Option("Longest file that may be uploaded.", Bytes = true)]
    [Range(1, long.MaxValue)]
    public long MaxUploadSize { get; set; } = 2L << 40;

    [Option("Refuse uploads that do not announce their length.")]
    public bool RequireUploadLength { get; set; }

    /// <summary>Rules between options, as sentences.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (string error in StorageEngines.Validate(this))
        {
            yield return new ValidationResult(error);
        }

        if (!System.Net.IPAddress.TryParse(BindAddress, out _))
        {
            yield return new ValidationResult($"--bind-address: '{BindAddress}' is not an IP address");
        }

        if (AdvertiseAddress is not null && !System.Net.IPAddress.TryParse(AdvertiseAddress, out _))
        {
            yield return new ValidationResult($"--advertise-address: '{AdvertiseAddress}' is not an IP address");
        }

        if (TlsCertFile is null != TlsPrivateKeyFile is null)
        {
            yield return new ValidationResult("--tls-cert-file and --tls-private-key-file belong together");
        }

        if (UploadLifetime < TimeSpan.FromSeconds(1))
        {
            yield return new ValidationResult("--upload-lifetime must be at least 1s");
        }
    }

    /// <summary>Where other replicas reach this one.</summary>
    internal string AdvertisedUrl => $"https://{new System.Net.IPEndPoint(Replicas.HostAddress.Of(AdvertiseAddress ?? BindAddress), SecurePort)}";

    /// <summary>Where uploaders are sent, without a slash at the end.</summary>
    internal string UploadBase =>
        ExternalUrl?.ToString().TrimEnd('/') ?? $"https://{(BindAddress is "0.0.0.0" or "::" ? "localhost" : BindAddress)}:{(UploadPort > 0 ? UploadPort : SecurePort)}";
}
