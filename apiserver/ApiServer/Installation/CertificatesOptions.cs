using System.ComponentModel.DataAnnotations;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Installation;

/// <summary>Settings of <c>apiserver certificates</c>.</summary>
public sealed class CertificatesOptions
{
    [Option("kubeconfig of the host cluster. In a Pod its service account is used.", Placeholder = "FILE")]
    public string? Kubeconfig { get; set; }

    [Option("Namespace of the installation.", Placeholder = "NAME")]
    [Required]
    public string Namespace { get; set; } = Namespaces.Module;

    [Option("Further names and addresses of the API server's certificate, for uploads that come from outside.", Placeholder = "HOST")]
    public List<string> ApiserverHost { get; set; } = [];

    [Option("Further names and addresses of the registry's certificate.", Placeholder = "HOST")]
    public List<string> RegistryHost { get; set; } = [];
}
