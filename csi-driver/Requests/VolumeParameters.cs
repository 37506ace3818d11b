using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Grpc;
using Google.Protobuf.Collections;

namespace AiModels.CsiDriver.Requests;

/// <summary>
/// Parameters of a StorageClass, which become the attributes of the volumes that are provisioned with it. They name the model, or nothing: such a volume is an empty folder.
/// </summary>
internal static class VolumeParameters
{
    /// <summary>Marks a provisioned volume that names no model, so that one whose attributes were lost is not taken for it.</summary>
    public const string WithoutModel = "ai.deckhouse.io/without-model";

    // What external-provisioner adds with --extra-create-metadata: names of the claim and volume.
    private const string ProvisionerPrefix = "csi.storage.k8s.io/";

    // What external-provisioner writes into the attributes of the volumes it makes.
    private const string ProvisionerIdentity = "storage.kubernetes.io/csiProvisionerIdentity";

    // Enough to recognize a key by.
    private const int MaxShown = 100;

    private static readonly string[] ModelKeys = [CsiAttributes.ModelKind, CsiAttributes.ModelName, CsiAttributes.Digest];

    /// <summary>The attributes of a volume with these parameters. Throws InvalidArgument that names what is wrong.</summary>
    public static Dictionary<string, string> ToAttributes(MapField<string, string> parameters)
    {
        if (parameters.Keys.FirstOrDefault(key => !ModelKeys.Contains(key) && !key.StartsWith(ProvisionerPrefix, StringComparison.Ordinal)) is { } unknown)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"parameters[{unknown}] is not known; there are {string.Join(", ", ModelKeys)}");
        }

        return ModelKeys.Any(parameters.ContainsKey)
            ? new Dictionary<string, string>
            {
                [CsiAttributes.ModelKind] = PublishRequest.ModelKindIn("parameters", parameters),
                [CsiAttributes.ModelName] = PublishRequest.ModelNameIn("parameters", parameters),
                [CsiAttributes.Digest] = PublishRequest.DigestIn("parameters", parameters),
            }
            : new Dictionary<string, string> { [WithoutModel] = "true" };
    }

    /// <summary>
    /// Throws InvalidArgument for an attribute that means nothing here: an author who wrote it expects something of it. kubelet's own (csi.storage.k8s.io/) are passed over.
    /// </summary>
    public static void CheckKnown(MapField<string, string> context)
    {
        string? unknown = context.Keys.FirstOrDefault(key =>
            !ModelKeys.Contains(key) && key is not (WithoutModel or ProvisionerIdentity) && !key.StartsWith(ProvisionerPrefix, StringComparison.Ordinal));
        if (unknown is not null)
        {
            string shown = unknown.Length > MaxShown ? string.Concat(unknown.AsSpan(0, MaxShown), "…") : unknown;
            throw new RpcException(RpcCode.InvalidArgument, $"volume_context[{shown}] is not known; there are {string.Join(", ", ModelKeys)}");
        }
    }

    /// <summary>Only of provisioned volumes: one that is written into a Pod must name its model.</summary>
    public static bool IsWithoutModel(MapField<string, string> context) =>
        context.TryGetValue(WithoutModel, out string? mark) && mark == "true"
        && !(context.TryGetValue(CsiAttributes.Ephemeral, out string? ephemeral) && ephemeral == "true");
}
