using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;
using AiModels.Registry.Api;
using AiModels.Registry.Capacity;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage.Backends.S3;

namespace AiModels.Registry;

/// <summary>Settings of the registry.</summary>
public sealed class RegistryOptions : IValidatableObject
{
    private const string FolderPrefix = "folder:";
    private const string BucketPrefix = "s3:";

    [Option("Address to serve on: http://HOST:PORT, https://HOST:PORT or unix:///PATH. May be given several times.", Placeholder = "URL")]
    public List<string> Listen { get; set; } = ["http://127.0.0.1:5000"];

    [Option("Where the bytes are: folder:DIR, or s3:BUCKET of an S3-compatible object storage.", Placeholder = "folder:DIR|s3:BUCKET")]
    [Required]
    public string Storage { get; set; } = "";

    [Option("Server of the bucket: http://HOST:PORT or https://HOST[:PORT]; without it AWS in --s3-region.", Placeholder = "URL")]
    public string? S3Endpoint { get; set; }

    /// <summary>us-east-1: what servers without regions expect.</summary>
    [Option("Region that requests are signed for.", Placeholder = "REGION")]
    public string S3Region { get; set; } = "us-east-1";

    [Option("Address the bucket as https://HOST/BUCKET instead of https://BUCKET.HOST.")]
    public bool S3PathStyle { get; set; }

    [Option("Folder with the files accessKey and secretKey, and ca.crt if need be (a mounted Secret); read again when they change.", Placeholder = "DIR")]
    public string? S3Credentials { get; set; }

    [Option("Authorities that may have signed the S3 server's certificate, PEM; read again when it changes.", Placeholder = "FILE")]
    public string? S3CaFile { get; set; }

    [Option("Accept any certificate of the S3 server.")]
    public bool S3Insecure { get; set; }

    /// <summary>Full: an acknowledged blob is one whose stored bytes were compared with its digest, by the server or by reading them once.</summary>
    [Option("How stored bytes are compared with their digest: full (a SHA-256 of the whole object from the server, else one read of it) or parts (the SHA-256 of each part is enough).", Placeholder = "full|parts")]
    public S3Verification S3Verification { get; set; } = S3Verification.Full;

    /// <summary>Off: clients need no way to the object storage of their own, and trust no second certificate.</summary>
    [Option("Who is sent to the bucket for blobs, by a signed URL: off (nobody), internal (clients that connect from a private address without a proxy between) or on (everybody but unix sockets).", Placeholder = "off|internal|on")]
    public RedirectMode S3Redirects { get; set; } = RedirectMode.Off;

    [Option("Folder of public keys (*.pem) whose grants are accepted; read again when it changes.", Placeholder = "DIR")]
    public string? GrantKeys { get; set; }

    /// <summary>Class: names of objects as labels make many series. /accounting tells the same to those who may know.</summary>
    [Option("How finely metrics tell bytes moved: class (kind of consumer), repository (each model, too) or grant (each grant in it, with its subject).", Placeholder = "class|repository|grant")]
    public TransferMetrics TransferMetrics { get; set; } = TransferMetrics.Class;

    [Option("Certificate for https, PEM; read again when it changes.", Placeholder = "FILE")]
    public string? TlsCertFile { get; set; }

    [Option("Private key of the certificate, PEM.", Placeholder = "FILE")]
    public string? TlsPrivateKeyFile { get; set; }

    [Option("Serve everybody without a grant; only on loopback addresses and unix sockets.")]
    public bool Anonymous { get; set; }

    [Option("How much may be stored, equal content counted once. Default: as much as the storage takes.", Bytes = true)]
    public long? CapacityLimit { get; set; }

    [Option("How much the models of one namespace may hold: NAMESPACE=SIZE. May be given several times.", Placeholder = "NAMESPACE=SIZE")]
    public List<string> NamespaceQuota { get; set; } = [];

    [Option("How much the models of a namespace may hold that has no --namespace-quota. Default: no limit.", Bytes = true)]
    public long? DefaultNamespaceQuota { get; set; }

    /// <summary>Ten minutes: space comes back soon, and a mark of a small store costs milliseconds.</summary>
    [Option("How often space is reclaimed.")]
    public TimeSpan GcInterval { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>A minute: what this process has in hand is fenced off exactly; the age covers clocks and file systems that are a little behind.</summary>
    [Option("How old a blob must be that no repository holds before its space is reclaimed.")]
    public TimeSpan GcGrace { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Ten minutes: far longer than any request to the storage may take, retries included.</summary>
    [Option("How long a digest that nobody holds is marked before it goes, where several registries share a bucket: longer than any of them takes from finding a blob to linking it.")]
    public TimeSpan GcCondemnedGrace { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>An hour: a multi-part push tags its first part within that, and an upload that became a model gives its space back the same day.</summary>
    [Option("How old a manifest must be that no tag, index or subject holds before it is dropped with what only it names.")]
    public TimeSpan UntaggedExpiry { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A week: a preparation that was interrupted on a Friday goes on where it was on Monday.</summary>
    [Option("How long a repository may rest before blobs in it that no manifest names are dropped.")]
    public TimeSpan UnsealedExpiry { get; set; } = TimeSpan.FromDays(7);

    /// <summary>A day, counted from the last byte.</summary>
    [Option("How long an unfinished blob upload is kept after its last byte.")]
    public TimeSpan UploadExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>20 MiB/s: a terabyte in fifteen hours, and nothing that a disk or a client would notice.</summary>
    [Option("How fast, in bytes a second, stored blobs are read again and compared with their digest; 0: never.", Bytes = true)]
    [Range(0, long.MaxValue)]
    public long ScrubRate { get; set; } = 20 * 1024 * 1024;

    /// <summary>A week, counted from the end of the last.</summary>
    [Option("How often every blob is read again.")]
    public TimeSpan ScrubInterval { get; set; } = TimeSpan.FromDays(7);

    /// <summary>The folder of <see cref="Storage"/>, or null when it is a bucket.</summary>
    internal string? StorageFolder => Storage.StartsWith(FolderPrefix, StringComparison.Ordinal) ? Storage[FolderPrefix.Length..] : null;

    /// <summary>The bucket of <see cref="Storage"/>, or null when it is a folder.</summary>
    internal string? StorageBucket => Storage.StartsWith(BucketPrefix, StringComparison.Ordinal) ? Storage[BucketPrefix.Length..] : null;

    /// <summary>Rules between options, as sentences.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (StorageFolder is not { Length: > 0 } && StorageBucket is not { Length: > 0 })
        {
            yield return new ValidationResult($"--storage: '{Storage}' is not folder:DIR or s3:BUCKET");
        }

        foreach (ValidationResult problem in ValidateBucket())
        {
            yield return problem;
        }

        foreach (string quota in NamespaceQuota.Where(quota => !CapacityLimits.TryParse(quota, out _, out _)))
        {
            yield return new ValidationResult($"--namespace-quota: '{quota}' is not NAMESPACE=SIZE, for instance team-a=100Gi");
        }

        if (CapacityLimit <= 0 || DefaultNamespaceQuota <= 0)
        {
            yield return new ValidationResult("--capacity-limit and --default-namespace-quota must be more than nothing");
        }

        if (Listen.Count == 0)
        {
            yield return new ValidationResult("--listen: at least one address is needed");
        }

        foreach (string address in Listen)
        {
            if (!ListenAddress.TryParse(address, out ListenAddress? listen))
            {
                yield return new ValidationResult($"--listen: '{address}' is not http://HOST:PORT, https://HOST:PORT or unix:///PATH");
            }
            else if (Anonymous && !listen.IsLocal)
            {
                yield return new ValidationResult($"--anonymous is allowed on loopback only, and '{address}' can be reached from elsewhere");
            }
        }

        if (!Anonymous && GrantKeys is null)
        {
            yield return new ValidationResult("--grant-keys is required (or --anonymous on loopback)");
        }

        if (TlsCertFile is null != TlsPrivateKeyFile is null)
        {
            yield return new ValidationResult("--tls-cert-file and --tls-private-key-file belong together");
        }
    }

    private IEnumerable<ValidationResult> ValidateBucket()
    {
        if (StorageBucket is null)
        {
            if (S3Endpoint is not null || S3Credentials is not null || S3CaFile is not null)
            {
                yield return new ValidationResult($"--s3-endpoint, --s3-credentials and --s3-ca-file belong to --storage s3:BUCKET, not to '{Storage}'");
            }

            yield break;
        }

        if (S3Credentials is null)
        {
            yield return new ValidationResult("--s3-credentials is required with --storage s3:BUCKET: a folder with the files accessKey and secretKey");
        }

        if (S3Endpoint is not null && !(Uri.TryCreate(S3Endpoint, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && url.PathAndQuery == "/" && url.UserInfo.Length == 0))
        {
            yield return new ValidationResult($"--s3-endpoint: '{S3Endpoint}' is not http://HOST:PORT or https://HOST[:PORT]");
        }

        if (S3CaFile is not null && !File.Exists(S3CaFile))
        {
            yield return new ValidationResult($"--s3-ca-file: there is no file '{S3CaFile}'");
        }
    }
}
