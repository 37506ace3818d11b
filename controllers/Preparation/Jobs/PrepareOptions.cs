using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>Settings of <c>controllers prepare</c>: what one Job needs to prepare one model.</summary>
public sealed class PrepareOptions : PreparationOptions
{
    [Option("Folder with the task: model.json, grant and, if the source needs one, source-token.", Placeholder = "DIR")]
    [Required]
    public string Task { get; set; } = "";

    [Option("Name of this attempt; the outcome is noted under it.", Placeholder = "ID")]
    [Required]
    public string Attempt { get; set; } = "";

    /// <summary>What a Job of these controllers is started with.</summary>
    internal static IEnumerable<string> Arguments(ControllersOptions options, string folder, string attempt, string registry)
    {
        List<string> arguments =
        [
            "--task", folder, "--attempt", attempt, "--registry", registry, "--huggingface-endpoint", $"{options.HuggingfaceEndpoint}", "--ollama-endpoint", $"{options.OllamaEndpoint}",
            "--source-connections", $"{options.SourceConnections}", "--source-stall-seconds", $"{options.SourceStallSeconds}", "--source-retry-minutes", $"{options.SourceRetryMinutes}",
        ];
        arguments.AddRange(options.RegistryCaFile is null ? [] : ["--registry-ca-file", $"{folder}/{PreparationTask.RegistryCaKey}"]);
        arguments.AddRange(options.SourceCaFile is null ? [] : ["--source-ca-file", $"{folder}/{PreparationTask.SourceCaKey}"]);
        arguments.AddRange(options.SourceProxy is { } proxy ? ["--source-proxy", $"{proxy}"] : []);
        return arguments;
    }
}
