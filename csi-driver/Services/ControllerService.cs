using AiModels.CsiDriver.Protos;
using AiModels.CsiDriver.Requests;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Services;

/// <summary>
/// csi.v1.Controller, of which there is nothing: volumes are written into Pods and not provisioned. The plugin does not announce the service; these two methods
/// answer those who ask all the same, and the rest is Unimplemented, as the specification has it for capabilities that are not announced.
/// </summary>
internal sealed class ControllerService
{
    public Task<ControllerGetCapabilitiesResponse> GetCapabilities(ControllerGetCapabilitiesRequest request, RpcContext context) =>
        Task.FromResult(new ControllerGetCapabilitiesResponse());

    public Task<ValidateVolumeCapabilitiesResponse> ValidateVolumeCapabilities(ValidateVolumeCapabilitiesRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        throw request.VolumeCapabilities.Count == 0
            ? new RpcException(RpcCode.InvalidArgument, "volume_capabilities is missing")
            : new RpcException(RpcCode.NotFound, $"there is no provisioned volume {request.VolumeId}");
    }
}
