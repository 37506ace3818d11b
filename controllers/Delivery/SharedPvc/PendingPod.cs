using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>Why a Pod does not run yet, in the words of scheduler and kubelet. Pure.</summary>
internal static class PendingPod
{
    // What every Pod goes through on its way.
    private static readonly string?[] Usual = ["ContainerCreating", "PodInitializing", null];

    /// <summary>Null for a Pod that runs, or waits for nothing that it tells.</summary>
    public static string? Obstacle(JsonObject pod) =>
        (string?)pod["status"]?["phase"] != "Pending" ? null : Container(pod) ?? Scheduling(pod);

    private static string? Container(JsonObject pod) => Items(pod, "containerStatuses").Select(container => container["state"]?["waiting"]).OfType<JsonObject>()
        .Where(waiting => !Usual.Contains((string?)waiting["reason"])).Select(Words).FirstOrDefault();

    private static string? Scheduling(JsonObject pod) => Items(pod, "conditions")
        .Where(condition => (string?)condition["type"] == "PodScheduled" && (string?)condition["status"] == "False").Select(Words).FirstOrDefault();

    private static string Words(JsonObject state) => string.Join(": ", new[] { (string?)state["reason"], (string?)state["message"] }.Where(text => !string.IsNullOrEmpty(text)));

    private static IEnumerable<JsonObject> Items(JsonObject pod, string list) => (pod["status"]?[list] as JsonArray)?.OfType<JsonObject>() ?? [];
}
