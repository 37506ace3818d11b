using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers;

/// <summary>Settings of <c>controllers run</c>.</summary>
public sealed class ControllersOptions : IValidatableObject
{
    [Option("Kubeconfig of the API; in a cluster the Pod's service account is used without it.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("Address of the registry: https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH.", Placeholder = "URL")]
    [Required]
    public string Registry { get; set; } = "";

    [Option("CA that signed the registry's certificate, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("How workloads get their models: SharedPVC or NodeCache.", Placeholder = "SharedPVC|NodeCache")]
    public string DeliveryType { get; set; } = "SharedPVC";

    [Option("StorageClasses of shared claims in order of preference; without one the cluster's default is used.")]
    public List<string> SharedPvcStorageClass { get; set; } = [];

    [Option("Image of the Jobs that put models onto shared claims.", Placeholder = "IMAGE")]
    public string NodeagentImage { get; set; } = "ai-models/nodeagent:latest";

    [Option("Address of the registry as Jobs reach it. Default: the one the API names.", Placeholder = "URL")]
    public string? JobRegistry { get; set; }

    [Option("Where the mutating webhook listens: https://ADDRESS:PORT. Without it there is no webhook, and a Pod may be made before its gate is on.", Placeholder = "URL")]
    public Uri? WebhookListen { get; set; }

    [Option("How the API server reaches the webhook. Default: the Service ai-models-controllers.", Placeholder = "URL")]
    public Uri? WebhookUrl { get; set; }

    /// <summary>Four: enough to keep a fast disk busy, few enough that each gets on.</summary>
    [Option("How many models are prepared at once in this process.")]
    [Range(1, 64)]
    public int PreparationWorkers { get; set; } = 4;

    [Option("Hugging Face, or a mirror that speaks its protocol.")]
    public Uri HuggingfaceEndpoint { get; set; } = new("https://huggingface.co");

    [Option("Ollama's registry, or a mirror that speaks its protocol.")]
    public Uri OllamaEndpoint { get; set; } = new("https://registry.ollama.ai");

    [Option("CA that signed the certificates of hubs and their mirrors, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? SourceCaFile { get; set; }

    [Option("Run only while holding the Lease; needed with more than one replica.")]
    public bool LeaderElect { get; set; }

    [Option("Namespace of the Lease.")]
    public string LeaderElectNamespace { get; set; } = Contracts.WellKnown.Namespaces.Module;

    [Option("Address to serve health and metrics on.", Placeholder = "URL")]
    public string Listen { get; set; } = "http://127.0.0.1:8080";

    /// <summary>Rules between options, as sentences.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (DeliveryType is not ("SharedPVC" or "NodeCache"))
        {
            yield return new ValidationResult($"--delivery-type: '{DeliveryType}' is not SharedPVC or NodeCache");
        }

        if (!Registry.StartsWith("https://", StringComparison.Ordinal) && !Registry.StartsWith("http://", StringComparison.Ordinal) && !Registry.StartsWith("unix:///", StringComparison.Ordinal))
        {
            yield return new ValidationResult($"--registry: '{Registry}' is not https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH");
        }

        if (WebhookListen is { } webhook && (webhook.Scheme != "https" || !System.Net.IPAddress.TryParse(webhook.Host.Trim('[', ']'), out _)))
        {
            yield return new ValidationResult($"--webhook-listen: '{webhook}' is not https://ADDRESS:PORT with an IP address");
        }

        if (!Uri.TryCreate(Listen, UriKind.Absolute, out Uri? listen) || listen.Scheme is not ("http" or "https"))
        {
            yield return new ValidationResult($"--listen: '{Listen}' is not http://HOST:PORT");
        }
    }
}
