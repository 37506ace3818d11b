using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.NodeAgent;

/// <summary>Options of 'nodeagent remove'.</summary>
public sealed class RemoveOptions : IValidatableObject
{
    [Option("Folder that 'materialize' made; may be given several times.", Placeholder = "DIR")]
    public List<string> Target { get; set; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Target.Count == 0)
        {
            yield return new ValidationResult("--target: nothing is given");
        }

        foreach (string target in Target.Where(target => !Path.IsPathRooted(target)))
        {
            yield return new ValidationResult($"--target: '{target}' is not an absolute path");
        }
    }
}
