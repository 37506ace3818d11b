using System.Text.RegularExpressions;
using AiModels.Contracts.NodeCache;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf.Collections;

namespace AiModels.CsiDriver.Requests;

/// <summary>
/// The arguments of NodePublishVolume, checked before any work is done. Whether the Pod may have the model is not decided here:
/// a Pod's author can write any attribute, so the node agent decides from live state.
/// Access mode and readonly are not held against the caller: kubelet calls every inline volume SINGLE_NODE_WRITER, and the mount is read-only either way.
/// </summary>
/// <param name="Model">Null for a provisioned volume that was made without a model: it is an empty folder.</param>
internal sealed partial record PublishRequest(string VolumeId, string TargetPath, EnsureModelRequest? Model)
{
    // Names of Kubernetes objects: DNS subdomains.
    private const int MaxAttribute = 253;

    public static PublishRequest Parse(NodePublishVolumeRequest request)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        string target = VolumeArguments.ParsePath("target_path", request.TargetPath);
        CheckCapability(request.VolumeCapability);
        MapField<string, string> context = request.VolumeContext;
        VolumeParameters.CheckKnown(context);
        if (VolumeParameters.IsWithoutModel(context))
        {
            return new PublishRequest(request.VolumeId, target, null);
        }

        return new PublishRequest(request.VolumeId, target, new EnsureModelRequest
        {
            VolumeId = request.VolumeId,
            PodNamespace = Attribute(context, CsiAttributes.PodNamespace, DnsName(), "is set by kubelet when CSIDriver.spec.podInfoOnMount is true"),
            PodName = Attribute(context, CsiAttributes.PodName, DnsName(), "is set by kubelet when CSIDriver.spec.podInfoOnMount is true"),
            PodUid = Attribute(context, CsiAttributes.PodUid, Uid(), "is set by kubelet when CSIDriver.spec.podInfoOnMount is true"),
            ModelKind = ModelKindIn("volume_context", context),
            ModelName = ModelNameIn("volume_context", context),
            Digest = DigestIn("volume_context", context),
        });
    }

    public static string ModelKindIn(string field, MapField<string, string> map) =>
        Attribute(map, CsiAttributes.ModelKind, Kind(), $"must be {GroupVersion.ModelKind} or {GroupVersion.ClusterModelKind}", field);

    public static string ModelNameIn(string field, MapField<string, string> map) => Attribute(map, CsiAttributes.ModelName, DnsName(), "must be the name of a model", field);

    public static string DigestIn(string field, MapField<string, string> map) => Attribute(map, CsiAttributes.Digest, Sha256(), "must be sha256: and 64 lower-case hex digits", field);

    /// <summary>Whether a model can be shown in the way that is asked for.</summary>
    public static void CheckCapability(VolumeCapability? capability)
    {
        if (capability is null)
        {
            throw Invalid("volume_capability is missing");
        }

        if (capability.AccessTypeCase == VolumeCapability.AccessTypeOneofCase.Block)
        {
            throw Invalid("volume_capability.block: models are folders of files, not block devices");
        }

        if (capability.AccessMode is null || capability.AccessMode.Mode == VolumeCapability.Types.AccessMode.Types.Mode.Unknown)
        {
            throw Invalid("volume_capability.access_mode is missing");
        }

        if (capability.Mount?.MountFlags.FirstOrDefault(flag => flag != "ro") is { } flag)
        {
            throw Invalid($"volume_capability.mount.mount_flags: '{flag}' is not supported; only ro is");
        }
    }

    private static string Attribute(MapField<string, string> context, string key, Regex form, string want, string field = "volume_context")
    {
        if (!context.TryGetValue(key, out string? value) || value.Length == 0)
        {
            throw Invalid($"{field}[{key}] is missing: it {want}");
        }

        // Names and digests are shorter, and an answer that repeated a megabyte would not arrive.
        if (value.Length > MaxAttribute)
        {
            throw Invalid($"{field}[{key}] has {value.Length} characters: it {want}, at most {MaxAttribute} of them");
        }

        return form.IsMatch(value) ? value : throw Invalid($"{field}[{key}]: '{value}' is not right: it {want}");
    }

    private static RpcException Invalid(string message) => new(RpcCode.InvalidArgument, message);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex DnsName();

    [GeneratedRegex(@"\A[A-Za-z0-9-]{1,64}\z")]
    private static partial Regex Uid();

    [GeneratedRegex(@"\A(Model|ClusterModel)\z")]
    private static partial Regex Kind();

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z")]
    private static partial Regex Sha256();
}
