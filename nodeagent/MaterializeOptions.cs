using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent;

/// <summary>Options of 'nodeagent materialize'.</summary>
public sealed class MaterializeOptions : IValidatableObject
{
    [Option("Address of the registry: https://host[:port], or unix:///path of a socket on this machine.", Placeholder = "URL"), Required]
    public string Registry { get; set; } = "";

    [Option("Repository of the model in the registry.", Placeholder = "NAME"), Required]
    public string Repository { get; set; } = "";

    [Option("Digest of the model's manifest.", Placeholder = "sha256:HEX"), Required]
    public string Digest { get; set; } = "";

    [Option("Folder to make: it appears when it is complete.", Placeholder = "DIR"), Required]
    public string Target { get; set; } = "";

    [Option("File with the registry grant; read again while working.", Placeholder = "FILE")]
    public string? GrantFile { get; set; }

    [Option("The registry grant itself; meant for the environment, AIMODELS_NODEAGENT_GRANT.", Placeholder = "TOKEN")]
    public string? Grant { get; set; }

    [Option("CA of the registry's certificate (PEM), instead of the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("Chunks fetched at once."), Range(1, 64)]
    public int Parallelism { get; set; } = Materializer.DefaultParallelism;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!ModelPack.Oci.Digest.TryParse(Digest, out _))
        {
            yield return new ValidationResult($"--digest: '{Digest}' is not sha256: and 64 lower-case hex digits");
        }

        if (GrantFile is not null && Grant is not null)
        {
            yield return new ValidationResult("--grant-file and --grant are both given; give one of them");
        }
    }
}
