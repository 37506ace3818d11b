using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver;

/// <summary>The methods this driver serves, and their names on the wire. Everything else of CSI is optional and answered Unimplemented.</summary>
internal static class CsiMethods
{
    private const string Identity = "csi.v1.Identity";
    private const string Node = "csi.v1.Node";
    private const string Controller = "csi.v1.Controller";
    private const string Registration = "pluginregistration.Registration";

    public static readonly GrpcMethod<GetPluginInfoRequest, GetPluginInfoResponse> GetPluginInfo =
        new(Identity, "GetPluginInfo", GetPluginInfoRequest.Parser, GetPluginInfoResponse.Parser);

    public static readonly GrpcMethod<GetPluginCapabilitiesRequest, GetPluginCapabilitiesResponse> GetPluginCapabilities =
        new(Identity, "GetPluginCapabilities", GetPluginCapabilitiesRequest.Parser, GetPluginCapabilitiesResponse.Parser);

    public static readonly GrpcMethod<ProbeRequest, ProbeResponse> Probe = new(Identity, "Probe", ProbeRequest.Parser, ProbeResponse.Parser);

    public static readonly GrpcMethod<NodePublishVolumeRequest, NodePublishVolumeResponse> NodePublishVolume =
        new(Node, "NodePublishVolume", NodePublishVolumeRequest.Parser, NodePublishVolumeResponse.Parser);

    public static readonly GrpcMethod<NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse> NodeUnpublishVolume =
        new(Node, "NodeUnpublishVolume", NodeUnpublishVolumeRequest.Parser, NodeUnpublishVolumeResponse.Parser);

    public static readonly GrpcMethod<NodeGetVolumeStatsRequest, NodeGetVolumeStatsResponse> NodeGetVolumeStats =
        new(Node, "NodeGetVolumeStats", NodeGetVolumeStatsRequest.Parser, NodeGetVolumeStatsResponse.Parser);

    public static readonly GrpcMethod<NodeGetCapabilitiesRequest, NodeGetCapabilitiesResponse> NodeGetCapabilities =
        new(Node, "NodeGetCapabilities", NodeGetCapabilitiesRequest.Parser, NodeGetCapabilitiesResponse.Parser);

    public static readonly GrpcMethod<NodeGetInfoRequest, NodeGetInfoResponse> NodeGetInfo =
        new(Node, "NodeGetInfo", NodeGetInfoRequest.Parser, NodeGetInfoResponse.Parser);

    public static readonly GrpcMethod<NodeExpandVolumeRequest, NodeExpandVolumeResponse> NodeExpandVolume =
        new(Node, "NodeExpandVolume", NodeExpandVolumeRequest.Parser, NodeExpandVolumeResponse.Parser);

    public static readonly GrpcMethod<CreateVolumeRequest, CreateVolumeResponse> CreateVolume =
        new(Controller, "CreateVolume", CreateVolumeRequest.Parser, CreateVolumeResponse.Parser);

    public static readonly GrpcMethod<DeleteVolumeRequest, DeleteVolumeResponse> DeleteVolume =
        new(Controller, "DeleteVolume", DeleteVolumeRequest.Parser, DeleteVolumeResponse.Parser);

    public static readonly GrpcMethod<ControllerGetCapabilitiesRequest, ControllerGetCapabilitiesResponse> ControllerGetCapabilities =
        new(Controller, "ControllerGetCapabilities", ControllerGetCapabilitiesRequest.Parser, ControllerGetCapabilitiesResponse.Parser);

    public static readonly GrpcMethod<ValidateVolumeCapabilitiesRequest, ValidateVolumeCapabilitiesResponse> ValidateVolumeCapabilities =
        new(Controller, "ValidateVolumeCapabilities", ValidateVolumeCapabilitiesRequest.Parser, ValidateVolumeCapabilitiesResponse.Parser);

    public static readonly GrpcMethod<InfoRequest, PluginInfo> GetInfo = new(Registration, "GetInfo", InfoRequest.Parser, PluginInfo.Parser);

    public static readonly GrpcMethod<RegistrationStatus, RegistrationStatusResponse> NotifyRegistrationStatus =
        new(Registration, "NotifyRegistrationStatus", RegistrationStatus.Parser, RegistrationStatusResponse.Parser);
}
