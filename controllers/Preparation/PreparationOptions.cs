using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers.Preparation;

/// <summary>What preparation needs to know wherever it runs, in the controllers or in a Job: the ways to the API, to the registry and to the hubs.</summary>
public abstract class PreparationOptions : IValidatableObject
{
    [Option("Kubeconfig of the API; in a cluster the Pod's service account is used without it.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("Address of the registry: https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH.", Placeholder = "URL")]
    [Required]
    public string Registry { get; set; } = "";

    [Option("CA that signed the registry's certificate, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("Hugging Face, or a mirror that speaks its protocol.")]
    public Uri HuggingfaceEndpoint { get; set; } = new("https://huggingface.co");

    [Option("Ollama's registry, or a mirror that speaks its protocol.")]
    public Uri OllamaEndpoint { get; set; } = new("https://registry.ollama.ai");

    [Option("CA that signed the certificates of hubs and their mirrors, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? SourceCaFile { get; set; }

    [Option("Proxy on the way to hubs. Default: the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", Placeholder = "URL")]
    public Uri? SourceProxy { get; set; }

    /// <summary>Sixteen: enough to fill a fast line over a long way, few enough for the hub's patience. Each takes 4 MiB of memory.</summary>
    [Option("Connections to hubs that carry bytes, over all models and files of one process.")]
    [Range(1, 256)]
    public int SourceConnections { get; set; } = 16;

    [Option("Seconds without a byte after which a connection to a hub is given up and made anew.")]
    [Range(1, 3600)]
    public int SourceStallSeconds { get; set; } = 30;

    /// <summary>An hour: longer than most outages, short enough that somebody still remembers asking.</summary>
    [Option("Minutes for which a source may fail without one more byte being stored; then the model is Failed.")]
    [Range(1, 7 * 24 * 60)]
    public int SourceRetryMinutes { get; set; } = 60;

    /// <summary>Rules between options, as sentences.</summary>
    public virtual IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Registry.StartsWith("https://", StringComparison.Ordinal) && !Registry.StartsWith("http://", StringComparison.Ordinal) && !Registry.StartsWith("unix:///", StringComparison.Ordinal))
        {
            yield return new ValidationResult($"--registry: '{Registry}' is not https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH");
        }

        if (SourceProxy is { } proxy && (!proxy.IsAbsoluteUri || proxy.Scheme is not ("http" or "https" or "socks5")))
        {
            yield return new ValidationResult($"--source-proxy: '{proxy}' is not http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT");
        }
    }
}
