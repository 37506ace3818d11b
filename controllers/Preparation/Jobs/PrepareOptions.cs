using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>Settings of <c>controllers prepare</c>: what one Job needs to prepare one model.</summary>
public sealed class PrepareOptions
{
    [Option("Folder with the task: model.json, grant and, if the source needs one, source-token.", Placeholder = "DIR")]
    [Required]
    public string Task { get; set; } = "";

    [Option("Name of this attempt; the outcome is noted under it.", Placeholder = "ID")]
    [Required]
    public string Attempt { get; set; } = "";

    [Option("Address of the registry: https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH.", Placeholder = "URL")]
    [Required]
    public string Registry { get; set; } = "";

    [Option("CA that signed the registry's certificate, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("Kubeconfig of the API, for progress and upload sessions; in a cluster the Pod's service account is used without it.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("Hugging Face, or a mirror that speaks its protocol.")]
    public Uri HuggingfaceEndpoint { get; set; } = new("https://huggingface.co");

    [Option("Ollama's registry, or a mirror that speaks its protocol.")]
    public Uri OllamaEndpoint { get; set; } = new("https://registry.ollama.ai");

    [Option("CA that signed the certificates of hubs and their mirrors, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? SourceCaFile { get; set; }

    [Option("Proxy on the way to hubs. Default: the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", Placeholder = "URL")]
    public Uri? SourceProxy { get; set; }

    [Option("Connections to hubs that carry bytes.")]
    [Range(1, 256)]
    public int SourceConnections { get; set; } = 16;

    [Option("Seconds without a byte after which a connection to a hub is given up and made anew.")]
    [Range(1, 3600)]
    public int SourceStallSeconds { get; set; } = 30;

    [Option("Minutes for which a source may fail without one more byte being stored; then the model is Failed.")]
    [Range(1, 7 * 24 * 60)]
    public int SourceRetryMinutes { get; set; } = 60;

    /// <summary>The same settings where the shared parts look for them.</summary>
    internal ControllersOptions ToControllersOptions() => new()
    {
        Kubeconfig = Kubeconfig,
        Registry = Registry,
        RegistryCaFile = RegistryCaFile,
        HuggingfaceEndpoint = HuggingfaceEndpoint,
        OllamaEndpoint = OllamaEndpoint,
        SourceCaFile = SourceCaFile,
        SourceProxy = SourceProxy,
        SourceConnections = SourceConnections,
        SourceStallSeconds = SourceStallSeconds,
        SourceRetryMinutes = SourceRetryMinutes,
    };

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
