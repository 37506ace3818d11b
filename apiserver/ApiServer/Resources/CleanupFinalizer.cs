using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.ApiServer.Resources;

/// <summary>
/// The finalizer by which the controllers queue a model's content for cleanup. It is there from creation, before the first byte can move (Q9),
/// so that no deletion can slip past it. Later updates leave it to its owner: the controllers take it off.
/// </summary>
internal static class CleanupFinalizer
{
    public static void AddOnCreate(JsonObject current, JsonObject? previous)
    {
        if (previous is not null || current["metadata"] is not JsonObject metadata)
        {
            return;
        }

        if (metadata["finalizers"] is not JsonArray finalizers)
        {
            metadata["finalizers"] = finalizers = [];
        }

        if (!finalizers.Any(finalizer => finalizer is JsonValue value && value.ToString() == Finalizers.Cleanup))
        {
            finalizers.Add(Finalizers.Cleanup);
        }
    }
}
