using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>The Pod of a Job that works on a claim: the node agent's program, restricted, in the user's namespace. Pure.</summary>
internal static class ClaimPod
{
    /// <summary>Where the claim is in the Pod.</summary>
    public const string Path = "/models";

    private const long Id = 65532;

    public static JsonObject Spec(Workload workload, string verb, JsonArray arguments, string claim, DeliveryOptions options) => new()
    {
        ["restartPolicy"] = "Never",
        ["automountServiceAccountToken"] = false,
        ["enableServiceLinks"] = false,
        ["securityContext"] = new JsonObject
        {
            ["runAsNonRoot"] = true,
            ["runAsUser"] = Id,
            ["runAsGroup"] = Id,

            // So that a fresh volume can be written. It is the group that the workload's own Pods give the volume, and it is set only where it is not set yet: whatever else is on a
            // user's claim is not ours to change.
            ["fsGroup"] = workload.Template["spec"]?["securityContext"]?["fsGroup"]?.DeepClone() ?? Id,
            ["fsGroupChangePolicy"] = "OnRootMismatch",
            ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        },
        ["containers"] = new JsonArray(new JsonObject
        {
            ["name"] = verb,
            ["image"] = options.NodeAgentImage,
            ["command"] = new JsonArray("nodeagent", verb),
            ["args"] = arguments,
            ["resources"] = new JsonObject
            {
                ["requests"] = new JsonObject { ["cpu"] = "100m", ["memory"] = "256Mi" },
                ["limits"] = new JsonObject { ["memory"] = "1Gi" }, // also pays for the page cache of claims without direct I/O
            },
            ["securityContext"] = new JsonObject
            {
                ["allowPrivilegeEscalation"] = false,
                ["readOnlyRootFilesystem"] = true,
                ["capabilities"] = new JsonObject { ["drop"] = new JsonArray("ALL") },
            },
            ["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "claim", ["mountPath"] = Path }),
        }),
        ["volumes"] = new JsonArray(new JsonObject { ["name"] = "claim", ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = claim } }),
    };
}
