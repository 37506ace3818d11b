using System.Reflection;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Services;

/// <summary>csi.v1.Identity: who this plugin is.</summary>
internal sealed class IdentityService
{
    private static readonly string Version = typeof(IdentityService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";

    public Task<GetPluginInfoResponse> GetPluginInfo(GetPluginInfoRequest request, RpcContext context) =>
        Task.FromResult(new GetPluginInfoResponse { Name = CsiAttributes.Driver, VendorVersion = Version });

    /// <summary>Volumes can be provisioned; there is no topology, because every node fetches for itself.</summary>
    public Task<GetPluginCapabilitiesResponse> GetPluginCapabilities(GetPluginCapabilitiesRequest request, RpcContext context) => Task.FromResult(new GetPluginCapabilitiesResponse
    {
        Capabilities = { new PluginCapability { Service = new() { Type = PluginCapability.Types.Service.Types.Type.ControllerService } } },
    });

    /// <summary>
    /// Ready as soon as it answers. A missing node agent does not make the driver unready: restarting the driver would not bring the agent back,
    /// and unmounting works without it.
    /// </summary>
    public Task<ProbeResponse> Probe(ProbeRequest request, RpcContext context) => Task.FromResult(new ProbeResponse { Ready = true });
}
