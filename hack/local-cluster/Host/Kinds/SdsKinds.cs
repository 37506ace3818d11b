using AiModels.ApiMachinery.Resources;
using static AiModels.LocalCluster.Host.Kinds.Shape;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>Deckhouse's SDS, as far as caches on nodes ask for it; Housekeeping plays its controllers.</summary>
internal static class SdsKinds
{
    private const string Group = "storage.deckhouse.io";

    public static IReadOnlyList<ResourceDefinition> All { get; } =
    [
        Define.Cluster(Group, "v1alpha1", "LVMVolumeGroupSet", "lvmvolumegroupsets",
            Kind("LVMVolumeGroupSet makes a volume group on every node that it selects.", ("spec", Free), ("status", Free)),
            Column.Text("Phase", "status.phase"),
            Column.Text("Reason", "status.reason", missing: "")) with { ShortNames = ["lvgset"], HasStrategicMergePatch = false },
        Define.Cluster(Group, "v1alpha1", "LocalStorageClass", "localstorageclasses",
            Kind("LocalStorageClass makes a StorageClass over volume groups.", ("spec", Free), ("status", Free)),
            Column.Text("Phase", "status.phase"),
            Column.Text("Reason", "status.reason", missing: "")) with { ShortNames = ["lsc"], HasStrategicMergePatch = false },
    ];
}
