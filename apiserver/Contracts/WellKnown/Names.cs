namespace AiModels.Contracts.WellKnown;

/// <summary>Labels that are contract between components.</summary>
public static class Labels
{
    /// <summary>On a node: it takes part in the node cache.</summary>
    public const string NodeCache = "ai.deckhouse.io/model-cache";

    /// <summary>On what we create: app.kubernetes.io/managed-by.</summary>
    public const string ManagedBy = "app.kubernetes.io/managed-by";

    /// <summary>Value of <see cref="ManagedBy"/>.</summary>
    public const string ManagedByValue = "ai-models";

    /// <summary>UID of the model an object was made for.</summary>
    public const string ModelUid = "ai.deckhouse.io/model-uid";

    /// <summary>On a Job that writes models: UID of the claim that it writes to.</summary>
    public const string ClaimUid = "ai.deckhouse.io/claim-uid";

    /// <summary>UID of the workload an object was made for.</summary>
    public const string WorkloadUid = "ai.deckhouse.io/workload-uid";

    /// <summary>On a Pod that the webhook stopped at the gate although its template was delivered: one of its models is no longer Ready. Value: <see cref="PodGateWaiting"/>.</summary>
    public const string PodGate = "ai.deckhouse.io/model-gate";

    /// <summary>Value of <see cref="PodGate"/>.</summary>
    public const string PodGateWaiting = "waiting";
}

/// <summary>Finalizers of our own kinds. User workloads get none.</summary>
public static class Finalizers
{
    /// <summary>On Model and ClusterModel: its content must be queued for cleanup before it goes.</summary>
    public const string Cleanup = "ai.deckhouse.io/cleanup";
}

/// <summary>Scheduling gates we put on Pods.</summary>
public static class SchedulingGates
{
    /// <summary>Holds a Pod until its models are in place.</summary>
    public const string ModelDelivery = "ai.deckhouse.io/model-delivery";
}

/// <summary>Field managers: who owns which field of an object (server-side apply).</summary>
public static class FieldManagers
{
    public const string Controllers = "ai-models-controllers";
    public const string Delivery = "ai-models-delivery";
}

/// <summary>What containers find in their environment (requirement D2).</summary>
public static class EnvironmentVariables
{
    public const string ModelsDirectory = "AI_MODELS_MODELS_DIR";
    public const string Models = "AI_MODELS_MODELS";
}

/// <summary>Where containers find the files (requirement D2).</summary>
public static class MountPaths
{
    public const string Models = "/data/modelcache/models";

    /// <summary>The folder of one model.</summary>
    public static string Of(string modelName) => Models + "/" + modelName;
}

/// <summary>Keys of Secrets.</summary>
public static class SecretKeys
{
    public const string UploadUrl = "url";
    public const string UploadToken = "token";

    /// <summary>Keys of a Hugging Face token, first found wins.</summary>
    public static IReadOnlyList<string> HuggingFaceToken { get; } = ["token", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
}

/// <summary>Namespaces of the module.</summary>
public static class Namespaces
{
    public const string Module = "d8-ai-models";
    public const string System = "d8-system";
}

/// <summary>The CSI driver and the volume attributes that controllers write and the driver reads.</summary>
public static class CsiAttributes
{
    public const string Driver = "node-cache.ai-models.deckhouse.io";

    /// <summary>Model or ClusterModel.</summary>
    public const string ModelKind = "ai.deckhouse.io/model-kind";
    public const string ModelName = "ai.deckhouse.io/model-name";
    public const string Digest = "ai.deckhouse.io/digest";

    // Set by kubelet because of podInfoOnMount.
    public const string PodName = "csi.storage.k8s.io/pod.name";
    public const string PodNamespace = "csi.storage.k8s.io/pod.namespace";
    public const string PodUid = "csi.storage.k8s.io/pod.uid";
    public const string Ephemeral = "csi.storage.k8s.io/ephemeral";
}
