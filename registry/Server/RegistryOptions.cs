using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;
using AiModels.Registry.Capacity;

namespace AiModels.Registry;

/// <summary>Settings of the registry.</summary>
public sealed class RegistryOptions : IValidatableObject
{
    private const string FolderPrefix = "folder:";

    [Option("Address to serve on: http://HOST:PORT, https://HOST:PORT or unix:///PATH. May be given several times.", Placeholder = "URL")]
    public List<string> Listen { get; set; } = ["http://127.0.0.1:5000"];

    [Option("Where the bytes are: folder:DIR.", Placeholder = "folder:DIR")]
    [Required]
    public string Storage { get; set; } = "";

    [Option("Folder of public keys (*.pem) whose grants are accepted; read again when it changes.", Placeholder = "DIR")]
    public string? GrantKeys { get; set; }

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

    /// <summary>An hour: a multi-part push tags its first part within that, and an upload that became a model gives its space back the same day.</summary>
    [Option("How old a manifest must be that no tag, index or subject holds before it is dropped with what only it names.")]
    public TimeSpan UntaggedExpiry { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A week: a preparation that was interrupted on a Friday goes on where it was on Monday.</summary>
    [Option("How long a repository may rest before blobs in it that no manifest names are dropped.")]
    public TimeSpan UnsealedExpiry { get; set; } = TimeSpan.FromDays(7);

    /// <summary>A day, counted from the last byte.</summary>
    [Option("How long an unfinished blob upload is kept after its last byte.")]
    public TimeSpan UploadExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>The folder of <see cref="Storage"/>.</summary>
    internal string StorageFolder => Storage[FolderPrefix.Length..];

    /// <summary>Rules between options, as sentences.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Storage.StartsWith(FolderPrefix, StringComparison.Ordinal) || Storage.Length == FolderPrefix.Length)
        {
            yield return new ValidationResult($"--storage: '{Storage}' is not folder:DIR");
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
}
