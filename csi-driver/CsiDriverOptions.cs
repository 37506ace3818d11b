using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.CsiDriver;

/// <summary>Options of the CSI driver.</summary>
public sealed class CsiDriverOptions : IValidatableObject
{
    private const string UnixPrefix = "unix://";

    [Option("The driver's own socket, unix:///path.", Placeholder = "unix:///PATH"), Required]
    public string Endpoint { get; set; } = "";

    [Option("Name of the node, as in the Kubernetes API.", Placeholder = "NAME"), Required, StringLength(192)] // CSI: node_id has at most 192 bytes
    public string NodeId { get; set; } = "";

    [Option("The node agent's socket, unix:///path.", Placeholder = "unix:///PATH"), Required]
    public string Agent { get; set; } = "";

    [Option("Register with kubelet on this socket, without the registrar sidecar; kubelet watches /var/lib/kubelet/plugins_registry.", Placeholder = "unix:///PATH")]
    public string? RegistrationSocket { get; set; }

    [Option("The endpoint's path as kubelet sees it, when that differs.", Placeholder = "PATH")]
    public string? KubeletEndpoint { get; set; }

    [Option("Folder that remembers provisioned volumes; 'volumes' beside the endpoint when not given.", Placeholder = "DIR")]
    public string? VolumesDir { get; set; }

    internal string VolumesPath => VolumesDir ?? Path.Combine(Path.GetDirectoryName(EndpointPath)!, "volumes");
    internal string EndpointPath => SocketPath(Endpoint);
    internal string AgentPath => SocketPath(Agent);
    internal string? RegistrationPath => RegistrationSocket is null ? null : SocketPath(RegistrationSocket);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach ((string name, string? value) in new[] { ("--endpoint", Endpoint), ("--agent", Agent), ("--registration-socket", RegistrationSocket) })
        {
            if (value is not null && !Path.IsPathRooted(SocketPath(value)))
            {
                yield return new ValidationResult($"{name}: '{value}' is not unix:// and an absolute path");
            }
        }
    }

    /// <summary>unix:///path or a bare absolute path.</summary>
    private static string SocketPath(string value) => value.StartsWith(UnixPrefix, StringComparison.Ordinal) ? value[UnixPrefix.Length..] : value;
}
