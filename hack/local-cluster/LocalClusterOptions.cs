using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.LocalCluster;

/// <summary>Options of the all-in-one.</summary>
public sealed class LocalClusterOptions : IValidatableObject
{
    /// <summary>Components that can be left out.</summary>
    internal static readonly string[] Components = ["apiserver", "registry", "controllers", "nodeagent", "csi-driver"];

    [Option("Folder of all data. Start again with the same folder and everything is there again.", Placeholder = "DIR")]
    [Required]
    public string Data { get; set; } = ".data";

    [Option("Port of the host cluster's API; the AI Models API server, the registry, the webhook and uploads take the next four.", Placeholder = "PORT")]
    [Range(1, 65531)]
    public int Port { get; set; } = 16443;

    [Option("Components not to start: apiserver, registry, controllers, nodeagent, csi-driver. They can be run by hand beside it.")]
    public IReadOnlyList<string> Without { get; set; } = [];

    [Option("How models reach Pods: SharedPVC or NodeCache.")]
    [AllowedValues("SharedPVC", "NodeCache")]
    public string DeliveryType { get; set; } = "SharedPVC";

    [Option("NodeCache: whether the controllers ask for storage of SDS, which is played here. The node agent of this program keeps its folder.", Placeholder = "HostPath|SDS")]
    [AllowedValues("HostPath", "SDS")]
    public string NodeCacheStorage { get; set; } = "HostPath";

    [Option("How long a request that is no watch may take through the host's API, as kube-apiserver's option of this name: bodies that take longer go in pieces.")]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(60);

    [Option("How much the registry may store, for instance 20Gi. Default: what the disk takes.", Bytes = true)]
    public long? CapacityLimit { get; set; }

    [Option("How often the registry reads everything again, and how often, though once a minute at least, the controllers ask what it has lost.")]
    public TimeSpan ScrubInterval { get; set; } = TimeSpan.FromDays(7);

    [Option("Who prepares models: the controllers in-process, or jobs of the cluster.", Placeholder = "in-process|jobs")]
    [AllowedValues("in-process", "jobs")]
    public string Preparation { get; set; } = "in-process";

    [Option("Hugging Face, or a mirror that speaks its protocol.", Placeholder = "URL")]
    public Uri? HuggingfaceEndpoint { get; set; }

    [Option("Ollama's registry, or a mirror that speaks its protocol.", Placeholder = "URL")]
    public Uri? OllamaEndpoint { get; set; }

    [Option("CA that signed the certificates of hubs and their mirrors, PEM. Default: the system's.", Placeholder = "FILE")]
    public string? SourceCaFile { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (string name in Without.Where(n => !Components.Contains(n)))
            yield return new ValidationResult($"--without: '{name}' is not one of {string.Join(", ", Components)}");
    }
}
