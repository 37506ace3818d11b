using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.LocalCluster.Node;

/// <summary>Inline ephemeral CSI volumes, published through the driver's socket with the Pod's identity, as kubelet does with podInfoOnMount.</summary>
internal sealed class CsiVolumes(ClusterPaths paths, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);
    private readonly GrpcChannel _channel = GrpcChannel.ForUnixSocket(paths.CsiSocket, time);

    public async Task<string> PublishAsync(JsonObject pod, string volume, JsonObject inline, string target, CancellationToken cancellationToken)
    {
        string driver = (string?)inline["driver"] ?? "";
        if (driver != CsiAttributes.Driver) throw new NotReadyException("FailedMount", $"driver name {driver} not found in the list of registered CSI drivers");
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        var request = new NodePublishVolumeRequest
        {
            VolumeId = VolumeId(pod.Uid(), volume),
            TargetPath = target,
            Readonly = (bool?)inline["readOnly"] == true,
            VolumeCapability = new VolumeCapability
            {
                Mount = new VolumeCapability.Types.MountVolume(),
                AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter },
            },
        };
        foreach ((string key, JsonNode? value) in inline["volumeAttributes"] as JsonObject ?? []) request.VolumeContext[key] = (string?)value ?? "";
        // Last, so that nobody can forge them by writing them into the Pod.
        request.VolumeContext[CsiAttributes.PodName] = pod.Name();
        request.VolumeContext[CsiAttributes.PodNamespace] = pod.Namespace();
        request.VolumeContext[CsiAttributes.PodUid] = pod.Uid();
        request.VolumeContext["csi.storage.k8s.io/serviceAccount.name"] = (string?)pod.At("spec.serviceAccountName") ?? "default";
        request.VolumeContext[CsiAttributes.Ephemeral] = "true";
        try
        {
            await _channel.CallAsync(CsiMethods.NodePublishVolume, request, Timeout, cancellationToken);
            return target;
        }
        catch (RpcException e)
        {
            throw new NotReadyException("FailedMount", $"MountVolume.SetUp failed for volume \"{volume}\" : rpc error: code = {e.Code} desc = {e.Message}");
        }
    }

    public async Task UnpublishAsync(string podUid, string volume, string target, CancellationToken cancellationToken)
    {
        await _channel.CallAsync(
            CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = VolumeId(podUid, volume), TargetPath = target }, Timeout, cancellationToken);
    }

    public void Dispose() => _channel.Dispose();

    // As kubelet: unique to the Pod and its volume.
    private static string VolumeId(string podUid, string volume) => $"csi-{podUid}-{volume}";
}
