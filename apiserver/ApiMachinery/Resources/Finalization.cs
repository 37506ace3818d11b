using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Resources;

/// <summary>What a delete makes of the finalizers (k8s.io/apiserver/pkg/registry/generic/registry/store.go; contract X5, X6).</summary>
internal static class Finalization
{
    /// <summary>The finalizers under a propagation policy; null keeps them.</summary>
    public static IReadOnlyList<string> After(IReadOnlyList<string> finalizers, string? propagationPolicy)
    {
        if (propagationPolicy is null)
        {
            return finalizers;
        }

        string? added = propagationPolicy switch
        {
            "Orphan" => ObjectMetadata.OrphanFinalizer,
            "Foreground" => ObjectMetadata.ForegroundFinalizer,
            _ => null,
        };
        List<string> result = [.. finalizers.Where(name =>
            name == added || name is not (ObjectMetadata.OrphanFinalizer or ObjectMetadata.ForegroundFinalizer))];
        if (added is not null && !result.Contains(added))
        {
            result.Add(added);
        }

        return result;
    }

    /// <summary>Marks metadata as terminating, once; the finalizers are set every time.</summary>
    public static void Mark(JsonObject metadata, IReadOnlyList<string> finalizers, DateTimeOffset now)
    {
        metadata["finalizers"] = new JsonArray([.. finalizers.Select(name => JsonValue.Create(name))]);
        if (metadata["deletionTimestamp"] is null)
        {
            metadata["deletionTimestamp"] = ObjectMetadata.Timestamp(now);
            metadata["deletionGracePeriodSeconds"] = 0L;
            ObjectMetadata.RaiseGeneration(metadata);
        }
    }
}
