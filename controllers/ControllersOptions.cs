using System.ComponentModel.DataAnnotations;
using AiModels.Controllers.Delivery.NodeCache.Storage;
using AiModels.Controllers.Preparation;
using AiModels.Hosting.CommandLine;

namespace AiModels.Controllers;

/// <summary>Values of --preparation.</summary>
public static class PreparationModes
{
    public const string InProcess = "in-process";
    public const string Jobs = "jobs";
}

/// <summary>Settings of <c>controllers run</c>.</summary>
public sealed class ControllersOptions : PreparationOptions
{
    [Option("How workloads get their models: SharedPVC or NodeCache.", Placeholder = "SharedPVC|NodeCache")]
    public string DeliveryType { get; set; } = "SharedPVC";

    [Option("StorageClasses of shared claims in order of preference; without one the cluster's default is used.")]
    public List<string> SharedPvcStorageClass { get; set; } = [];

    [Option("NodeCache: whether new Pods prefer nodes that have their models already.")]
    public bool PreferWarmNodes { get; set; } = true;

    [Option("NodeCache: where the nodes keep the bytes: a folder of the host, a claim a node of a StorageClass, or a claim a node of storage that SDS manages.", Placeholder = "HostPath|StorageClass|SDS")]
    public string NodeCacheStorage { get; set; } = NodeCacheStorageOptions.HostPath;

    [Option("NodeCache with StorageClass: its name.", Placeholder = "NAME")]
    public string? NodeCacheStorageClass { get; set; }

    [Option("NodeCache with StorageClass or SDS: the size of each node's cache and claim.", Bytes = true)]
    [Range(1, long.MaxValue)]
    public long NodeCacheSize { get; set; } = 200L << 30;

    [Option("NodeCache with SDS: which BlockDevices become caches, labels as KEY=VALUE,… or a LabelSelector as JSON.", Placeholder = "SELECTOR")]
    public string? NodeCacheBlockDeviceSelector { get; set; }

    [Option("Image of the Jobs that put models onto shared claims.", Placeholder = "IMAGE")]
    public string NodeagentImage { get; set; } = "ai-models/nodeagent:latest";

    [Option("Address of the registry as Jobs reach it. Default: the one the API names.", Placeholder = "URL")]
    public string? JobRegistry { get; set; }

    [Option("Where the mutating webhook listens: https://ADDRESS:PORT. Without it there is no webhook, and a Pod may be made before its gate is on.", Placeholder = "URL")]
    public Uri? WebhookListen { get; set; }

    [Option("How the API server reaches the webhook. Default: the Service ai-models-controllers.", Placeholder = "URL")]
    public Uri? WebhookUrl { get; set; }

    [Option("Who carries a model's bytes: this process, or a Job for each model in the module's namespace.", Placeholder = "in-process|jobs")]
    public string Preparation { get; set; } = PreparationModes.InProcess;

    [Option("Image of preparation Jobs.", Placeholder = "IMAGE")]
    public string PreparationImage { get; set; } = "ai-models/controllers:latest";

    [Option("Service account of preparation Jobs, in the module's namespace.", Placeholder = "NAME")]
    public string PreparationServiceAccount { get; set; } = "ai-models-preparation";

    [Option("Memory limit of a preparation Job, a quantity.", Placeholder = "QUANTITY")]
    public string PreparationMemory { get; set; } = "1Gi";

    /// <summary>Four: enough to keep a fast disk busy, few enough that each gets on.</summary>
    [Option("How many models are prepared at once, in this process or as Jobs.")]
    [Range(1, 64)]
    public int PreparationWorkers { get; set; } = 4;

    /// <summary>A minute: a delivery that meets a gap waits for its repair; the scrubber, which finds it, takes days for a pass.</summary>
    [Option("How often the registry is asked what it has lost of models that are Ready.")]
    public TimeSpan IntegrityInterval { get; set; } = TimeSpan.FromMinutes(1);

    [Option("Run only while holding the Lease; needed with more than one replica.")]
    public bool LeaderElect { get; set; }

    [Option("Namespace of the Lease.")]
    public string LeaderElectNamespace { get; set; } = Contracts.WellKnown.Namespaces.Module;

    [Option("Address to serve health and metrics on.", Placeholder = "URL")]
    public string Listen { get; set; } = "http://127.0.0.1:8080";

    /// <summary>Rules between options, as sentences.</summary>
    public override IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (ValidationResult result in base.Validate(validationContext))
        {
            yield return result;
        }

        if (DeliveryType is not ("SharedPVC" or "NodeCache"))
        {
            yield return new ValidationResult($"--delivery-type: '{DeliveryType}' is not SharedPVC or NodeCache");
        }

        if (NodeCacheStorage is not (NodeCacheStorageOptions.HostPath or NodeCacheStorageOptions.StorageClass or NodeCacheStorageOptions.Sds))
        {
            yield return new ValidationResult($"--node-cache-storage: '{NodeCacheStorage}' is not HostPath, StorageClass or SDS");
        }

        if ((NodeCacheStorage == NodeCacheStorageOptions.StorageClass) != !string.IsNullOrEmpty(NodeCacheStorageClass))
        {
            yield return new ValidationResult("--node-cache-storage-class: give it with --node-cache-storage StorageClass, and with nothing else");
        }

        if ((NodeCacheStorage == NodeCacheStorageOptions.Sds) != !string.IsNullOrEmpty(NodeCacheBlockDeviceSelector))
        {
            yield return new ValidationResult("--node-cache-block-device-selector: give it with --node-cache-storage SDS, which without it would take every free disk, and with nothing else");
        }
        else if (NodeCacheBlockDeviceSelector is { Length: > 0 } selector && BlockDeviceSelector.Parse(selector) is null)
        {
            yield return new ValidationResult($"--node-cache-block-device-selector: '{selector}' is neither KEY=VALUE,… nor a LabelSelector as JSON");
        }

        if (Preparation is not (PreparationModes.InProcess or PreparationModes.Jobs))
        {
            yield return new ValidationResult($"--preparation: '{Preparation}' is not {PreparationModes.InProcess} or {PreparationModes.Jobs}");
        }

        if (IntegrityInterval < TimeSpan.FromSeconds(1))
        {
            yield return new ValidationResult($"--integrity-interval: {IntegrityInterval} is less than a second");
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
