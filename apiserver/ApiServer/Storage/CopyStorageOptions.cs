using System.ComponentModel.DataAnnotations;
using AiModels.EtcdStore;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Storage;

/// <summary>Settings of <c>apiserver copy-storage</c>.</summary>
public sealed class CopyStorageOptions : IValidatableObject, IEtcdOptions
{
    [Option("The store to read: sqlite:DATA-DIR, litedb:DATA-DIR or etcd.", Placeholder = "STORE")]
    [Required]
    public string From { get; set; } = "";

    [Option("The store to fill, which must be empty: sqlite:DATA-DIR, litedb:DATA-DIR or etcd.", Placeholder = "STORE")]
    [Required]
    public string To { get; set; } = "";

    [Option("etcd's members: https://HOST:2379, repeated or comma-separated.", Placeholder = "URLS")]
    public List<string> EtcdServers { get; set; } = [];

    [Option("Authorities of etcd's certificates, PEM. Default: the system's.", Placeholder = "FILE", Name = "etcd-cafile")]
    public string? EtcdCaFile { get; set; }

    [Option("Client certificate for etcd, PEM.", Placeholder = "FILE", Name = "etcd-certfile")]
    public string? EtcdCertFile { get; set; }

    [Option("Private key of the client certificate for etcd, PEM.", Placeholder = "FILE", Name = "etcd-keyfile")]
    public string? EtcdKeyFile { get; set; }

    [Option("What all keys in etcd begin with.", Placeholder = "PATH")]
    public string EtcdPrefix { get; set; } = EtcdStoreOptions.DefaultPrefix;

    [Option("User of etcd's own authentication.", Placeholder = "NAME")]
    public string? EtcdUser { get; set; }

    [Option("File that holds the password of --etcd-user.", Placeholder = "FILE")]
    public string? EtcdPasswordFile { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        string?[] errors = [StorageLocation.Problem("--from", From), StorageLocation.Problem("--to", To)];
        foreach (string error in errors.OfType<string>())
        {
            yield return new ValidationResult(error);
        }

        if (From == To && From.Length > 0)
        {
            yield return new ValidationResult($"--from and --to are the same store, {From}");
        }

        if (From == StorageEngines.Etcd || To == StorageEngines.Etcd)
        {
            foreach (string error in EtcdSettings.Validate(this))
            {
                yield return new ValidationResult(error);
            }
        }
    }
}
