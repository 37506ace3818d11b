using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Services;

/// <summary>pluginregistration.Registration: what the node-driver-registrar sidecar does, for installations without it.</summary>
internal sealed partial class RegistrationService(CsiDriverOptions options, ILogger<RegistrationService> logger)
{
    public Task<PluginInfo> GetInfo(InfoRequest request, RpcContext context) => Task.FromResult(new PluginInfo
    {
        Type = "CSIPlugin",
        Name = CsiAttributes.Driver,
        Endpoint = options.KubeletEndpoint ?? options.EndpointPath,
        SupportedVersions = { "1.0.0" }, // the CSI version, which kubelet compares by its major number
    });

    public Task<RegistrationStatusResponse> NotifyRegistrationStatus(RegistrationStatus request, RpcContext context)
    {
        if (request.PluginRegistered)
        {
            Log.Registered(logger);
        }
        else
        {
            Log.NotRegistered(logger, request.Error);
        }

        return Task.FromResult(new RegistrationStatusResponse());
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "kubelet registered the driver")]
        public static partial void Registered(ILogger logger);

        [LoggerMessage(2, LogLevel.Error, "kubelet did not register the driver: {Reason}")]
        public static partial void NotRegistered(ILogger logger, string reason);
    }
}
