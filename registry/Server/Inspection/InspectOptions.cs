using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;
using AiModels.ModelPack.Grants;

namespace AiModels.Registry.Inspection;

/// <summary>Settings that the verbs for operators share: which registry they ask, and how they answer.</summary>
public abstract class InspectOptions : IValidatableObject
{
    [Option("The registry that runs: https://HOST:PORT, http://HOST:PORT or unix:///PATH.", Placeholder = "URL")]
    public string? Registry { get; set; }

    [Option("Authorities of its certificate, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("A private key that grants are signed with, PEM: a grant to inspect is signed with it.", Placeholder = "FILE")]
    public string? GrantKey { get; set; }

    [Option("A grant to inspect. Better in the environment than on the command line, which others can see.", Placeholder = "TOKEN")]
    public string? Grant { get; set; }

    [Option("Instead of a running registry: the storage itself, folder:DIR, while no registry has it open.", Placeholder = "folder:DIR")]
    public string? Storage { get; set; }

    [Option("Print the whole answer as JSON.")]
    public bool Json { get; set; }

    /// <summary>Rules between options, as sentences.</summary>
    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Registry is null == Storage is null)
        {
            yield return new ValidationResult("either --registry (one that runs) or --storage (one that does not) is needed");
        }

        if (GrantKey is not null && Grant is not null)
        {
            yield return new ValidationResult("--grant-key and --grant exclude each other");
        }
    }
}

/// <summary><c>registry du</c>.</summary>
public sealed class DuOptions : InspectOptions;

/// <summary><c>registry explain</c>.</summary>
public sealed class ExplainOptions : InspectOptions
{
    [Option("The digest to explain; also taken without the option's name.", Placeholder = "sha256:HEX")]
    [Required]
    public string Digest { get; set; } = "";

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!ModelPack.Oci.Digest.TryParse(Digest, out _))
        {
            yield return new ValidationResult($"--digest: '{Digest}' is no digest: want sha256: and 64 lower-case hex digits");
        }

        foreach (ValidationResult problem in base.Validate(validationContext))
        {
            yield return problem;
        }
    }
}

/// <summary><c>registry gc</c>.</summary>
public sealed class GcOptions : InspectOptions
{
    [Option("Change nothing; tell what would go and why the rest stays.")]
    public bool DryRun { get; set; }
}

/// <summary><c>registry revoke</c>.</summary>
public sealed class RevokeOptions : InspectOptions
{
    [Option("The grant to take back: its id (jti), or the grant itself.", Placeholder = "ID|TOKEN")]
    public string? Id { get; set; }

    [Option("Take back everything that this consumer was given until now: node/NAME, job/NAMESPACE/NAME, or as it stands in the registry's accounts.", Placeholder = "SUBJECT")]
    public string? Subject { get; set; }

    [Option("Why: whoever brings the grant is told.", Placeholder = "TEXT")]
    public string? Reason { get; set; }

    /// <summary>The id, also when the grant itself was given.</summary>
    internal string? GrantId => Id is not null && Id.Contains('.', StringComparison.Ordinal) ? GrantToken.ReadId(Id) : Id;

    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (string.IsNullOrEmpty(Id) == string.IsNullOrEmpty(Subject))
        {
            yield return new ValidationResult("either --id (one grant) or --subject (all that a consumer has) is needed");
        }

        if (Id is { Length: > 0 } && GrantId is null)
        {
            yield return new ValidationResult("--id: this is neither the id of a grant nor a grant");
        }

        foreach (ValidationResult problem in base.Validate(validationContext))
        {
            yield return problem;
        }
    }
}
