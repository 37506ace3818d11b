using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent;

/// <summary>Options of 'nodeagent serve'.</summary>
public sealed class ServeOptions : IValidatableObject
{
    private const string UnixPrefix = "unix://";

    [Option("Socket for the CSI driver, unix:///path.", Placeholder = "unix:///PATH"), Required]
    public string Listen { get; set; } = "";

    [Option("Address in the network where /metrics is served as well, and nothing else.", Placeholder = "http://ADDRESS:PORT")]
    public Uri? MetricsListen { get; set; }

    [Option("Name of the node, as in the Kubernetes API.", Placeholder = "NAME"), Required]
    public string NodeName { get; set; } = "";

    [Option("Folder of the cache, on the disk that is meant for it.", Placeholder = "DIR"), Required]
    public string CacheDir { get; set; } = "";

    // requirement D5, delivery.nodeCacheSize
    [Option("How much the cache may hold.", Bytes = true), Range(1, long.MaxValue)]
    public long Capacity { get; set; } = 200L << 30;

    // As kubelet's image garbage collection has it, with room between the two for a few models.
    [Option("Percent of the capacity above which models that nothing mounts are evicted."), Range(1, 100)]
    public int HighWatermark { get; set; } = 90;

    [Option("Percent of the capacity at which evicting ends."), Range(0, 100)]
    public int LowWatermark { get; set; } = 80;

    // 0: reading everything again costs the disk of those who serve models; 20Mi looks at 1.7 TB a day.
    [Option("Bytes a second at which the cache's content is compared with its digests in the background; 0 for never.", Bytes = true), Range(0, long.MaxValue)]
    public long ScrubRate { get; set; }

    // A question of some hundred bytes; what is lost waits for as long at most.
    [Option("How often the registry is asked whether it has lost what this node has, which then gives it back.")]
    public TimeSpan IntegrityInterval { get; set; } = TimeSpan.FromMinutes(5);

    [Option("How to reach the Kubernetes API; the Pod's service account when not given.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("Address of the registry, instead of the one that grants name; unix:///path for a socket on this machine.", Placeholder = "URL")]
    public string? Registry { get; set; }

    [Option("CA of the registry's certificate (PEM), instead of the system's.", Placeholder = "FILE")]
    public string? RegistryCaFile { get; set; }

    [Option("Chunks of one model fetched at once."), Range(1, 64)]
    public int Parallelism { get; set; } = Materializer.DefaultParallelism;

    [Option("Models fetched at once."), Range(1, 16)]
    public int Downloads { get; set; } = 2;

    internal string SocketPath => Listen.StartsWith(UnixPrefix, StringComparison.Ordinal) ? Listen[UnixPrefix.Length..] : Listen;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Path.IsPathRooted(SocketPath))
        {
            yield return new ValidationResult($"--listen: '{Listen}' is not unix:// and an absolute path");
        }

        if (MetricsListen is { } metrics && (metrics.Scheme != "http" || metrics.PathAndQuery != "/"))
        {
            yield return new ValidationResult($"--metrics-listen: '{metrics.OriginalString}' is not http://ADDRESS:PORT");
        }

        if (IntegrityInterval < TimeSpan.FromSeconds(1))
        {
            yield return new ValidationResult($"--integrity-interval: {IntegrityInterval} is less than a second");
        }

        if (LowWatermark > HighWatermark)
        {
            yield return new ValidationResult($"--low-watermark: {LowWatermark} is more than --high-watermark, {HighWatermark}");
        }
    }
}
