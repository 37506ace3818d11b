namespace AiModels.Contracts.WellKnown;

/// <summary>Annotations that are public contract (requirements D1, D8) or that the controllers write for people to read.</summary>
public static class Annotations
{
    /// <summary>On a workload's own metadata: comma-separated names of Models of its namespace.</summary>
    public const string Model = "ai.deckhouse.io/model";

    /// <summary>On a workload's own metadata: comma-separated names of ClusterModels.</summary>
    public const string ClusterModel = "ai.deckhouse.io/clustermodel";

    /// <summary>On a workload's own metadata: an existing PVC of its namespace that holds the models.</summary>
    public const string ModelCacheClaim = "ai.deckhouse.io/model-cache-claim";

    /// <summary>
    /// On a ClusterModel, "true": in NodeCache delivery every node's cache fetches it ahead and keeps it, used or not. Only an administrator's models can be pinned:
    /// a pin takes room from everybody.
    /// </summary>
    public const string NodeCachePin = "ai.deckhouse.io/node-cache-pin";

    /// <summary>Written by the controller on the workload: what the names were resolved to, as JSON.</summary>
    public const string ResolvedModels = "ai.deckhouse.io/resolved-models";

    /// <summary>Written by the controller on a claim of its own: which artifacts the claim holds, as a JSON object of digest to logical bytes.</summary>
    public const string Materialized = "ai.deckhouse.io/materialized";

    /// <summary>Written by the controller on a claim of its own: artifacts that a Job is removing from it, in the same form as <see cref="Materialized"/>.</summary>
    public const string Removing = "ai.deckhouse.io/removing";

    /// <summary>Written by the controller on the workload: why the gate holds, in words; absent when it does not.</summary>
    public const string DeliveryMessage = "ai.deckhouse.io/model-delivery-message";

    /// <summary>
    /// Written by the ApiServer on a Model or ClusterModel when its upload session changes, so that whoever watches the object wakes up: a value of UploadStates.
    /// The session itself is under /upload.
    /// </summary>
    public const string UploadState = "ai.deckhouse.io/upload-state";
}
