using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>The Job that removes models from a claim of ours. Pure.</summary>
internal static class RemovalJob
{
    public static string NameFor(Workload workload) => $"{VolumeSet.NamePrefix}-{workload.Hash}-removal";

    public static JsonObject Job(Workload workload, ClaimContent claim, DeliveryOptions options) => new()
    {
        ["apiVersion"] = "batch/v1",
        ["kind"] = "Job",
        ["metadata"] = MaterializerJob.Metadata(workload, NameFor(workload)),
        ["spec"] = new JsonObject
        {
            ["backoffLimit"] = 6,
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = workload.Labels() },
                ["spec"] = ClaimPod.Spec("remove", [.. claim.Removing.Keys.SelectMany(digest => new JsonNode[] { "--target", $"{ClaimPod.Path}/{digest[(digest.IndexOf(':') + 1)..]}" })], claim.Name, options),
            },
        },
    };
}
