using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>The Job that removes models from a claim of ours. Pure.</summary>
internal static class RemovalJob
{
    /// <summary>Another name for other models: one that is left of an earlier removal must not be taken for this one's.</summary>
    public static string NameFor(Workload workload, ClaimContent claim) => $"{VolumeSet.NamePrefix}-{workload.Hash}-removal-{Hashing.Short(string.Join(',', claim.Removing.Keys.Order(StringComparer.Ordinal)))}";

    public static JsonObject Job(Workload workload, ClaimContent claim, DeliveryOptions options) => new()
    {
        ["apiVersion"] = "batch/v1",
        ["kind"] = "Job",
        ["metadata"] = MaterializerJob.Metadata(workload, NameFor(workload, claim)),
        ["spec"] = new JsonObject
        {
            ["backoffLimit"] = 6,
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = workload.Labels() },
                ["spec"] = ClaimPod.Spec(workload, "remove", [.. claim.Removing.Keys.SelectMany(digest => new JsonNode[] { "--target", $"{ClaimPod.Path}/{digest[(digest.IndexOf(':') + 1)..]}" })], claim.Name, options),
            },
        },
    };
}
