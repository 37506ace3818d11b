using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>The Pod of a Job that works on a claim: the node agent's program, restricted, in the user's namespace. Pure.</summary>
internal static class ClaimPod
{
    /// <summary>Where the claim is in the Pod.</summary>
    public const string Path = "/models";

    public static JsonObject Spec(string verb, JsonArray arguments, string claim, DeliveryOptions options) => new()
    {
        ["restartPolicy"] = "Never",
        ["automountServiceAccountToken"] = false,
        ["enableServiceLinks"] = false,
        ["securityContext"] = new JsonObject
        {
            ["runAsNonRoot"] = true,
            ["runAsUser"] = 65532,
            ["runAsGroup"] = 65532,
            ["fsGroup"] = 65532, // so that a fresh volume can be written
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
