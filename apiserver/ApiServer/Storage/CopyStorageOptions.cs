using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Storage;

/// <summary>Settings of <c>apiserver copy-storage</c>.</summary>
public sealed class CopyStorageOptions : EtcdOptions, IValidatableObject
{
    [Option("The store to read: sqlite:DATA-DIR, litedb:DATA-DIR or etcd.", Placeholder = "STORE")]
    [Required]
    public string From { get; set; } = "";

    [Option("The store to fill, which must be empty: sqlite:DATA-DIR, litedb:DATA-DIR or etcd.", Placeholder = "STORE")]
    [Required]
    public string To { get; set; } = "";

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
