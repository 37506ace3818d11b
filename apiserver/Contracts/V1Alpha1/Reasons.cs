namespace AiModels.Contracts.V1Alpha1;

/// <summary>Reasons of conditions and Events, each with the sentence a person needs and whether it is retried by itself.</summary>
public static class Reasons
{
    // Running: none of these is a failure.

    /// <summary>Preparation has begun.</summary>
    public const string PublicationStarted = "PublicationStarted";

    /// <summary>Bytes are moving into the registry.</summary>
    public const string PublicationUploading = "PublicationUploading";

    /// <summary>Preparation goes on after an interruption from the last committed chunk.</summary>
    public const string PublicationResumed = "PublicationResumed";

    /// <summary>All bytes are stored; the ModelPack manifest is being made.</summary>
    public const string PublicationSealing = "PublicationSealing";

    /// <summary>The ModelPack is in the registry.</summary>
    public const string PublicationCommitted = "PublicationCommitted";

    /// <summary>An attempt ended with something that passes; the next one goes on from the last committed chunk. Of Events only.</summary>
    public const string PublicationRetrying = "PublicationRetrying";

    /// <summary>The source said something about itself that people should read: a warning of the hub, an end of service that it announces. Of Events only.</summary>
    public const string SourceNotice = "SourceNotice";

    /// <summary>An upload is awaited.</summary>
    public const string UploadPending = "UploadPending";

    /// <summary>The upload session ran out of time; create /upload opens a new one.</summary>
    public const string UploadExpired = "UploadExpired";

    /// <summary>An object of somebody else has the name of the upload's Secret or Role. Retried until the name is free.</summary>
    public const string UploadAccessConflict = "UploadAccessConflict";

    /// <summary>All bytes of the upload have arrived; the session takes no more.</summary>
    public const string UploadReceived = "UploadReceived";

    /// <summary>The files hold code of their own that a loader would have to run.</summary>
    public const string CustomCodeFound = "CustomCodeFound";

    /// <summary>Files of the source are not part of the model; the message says which and why.</summary>
    public const string FilesLeftOut = "FilesLeftOut";

    /// <summary>Deletion is under way.</summary>
    public const string Deleting = "Deleting";

    // Failing.

    /// <summary>The source names something this system cannot prepare. Not retried: make another object.</summary>
    public const string UnsupportedSource = "UnsupportedSource";

    /// <summary>The source answered wrongly or its bytes are not what was promised. Transient causes were retried already.</summary>
    public const string PublicationFailed = "PublicationFailed";

    /// <summary>artifacts.capacityLimit leaves no room. Not retried by itself.</summary>
    public const string InsufficientStorage = "InsufficientStorage";

    /// <summary>The other cluster's catalog refused the token. Retried when its Secret changes or the source is Ready again.</summary>
    public const string CatalogAuthFailed = "CatalogAuthFailed";

    /// <summary>The other cluster's certificate cannot be verified. Retried when the source is Ready again.</summary>
    public const string CatalogTLSInvalid = "CatalogTLSInvalid";

    /// <summary>The catalog source is not Ready. Retried when it is.</summary>
    public const string CatalogSourceNotReady = "CatalogSourceNotReady";

    /// <summary>The Secret with the catalog's certificate authority is missing. Retried when it appears.</summary>
    public const string CASecretMissing = "CASecretMissing";

    /// <summary>The catalog's certificate authority is not PEM. Retried when the Secret changes.</summary>
    public const string InvalidCABundle = "InvalidCABundle";

    /// <summary>A manifest breaks the contract. Not retried by itself.</summary>
    public const string ManifestInvalid = "ManifestInvalid";

    // Stored content.

    /// <summary>Stored bytes have rotted and are not served any more. Fetched again from the source where that is possible; the message says if not.</summary>
    public const string ContentLost = "ContentLost";

    /// <summary>What had been lost is there again.</summary>
    public const string ContentRestored = "ContentRestored";

    // Delivery.

    /// <summary>A workload names a model that does not exist (yet).</summary>
    public const string ModelNotFound = "ModelNotFound";

    /// <summary>A workload names a model that is not Ready (yet).</summary>
    public const string ModelNotReady = "ModelNotReady";

    /// <summary>A workload's annotation or Pod template cannot be served as it is written.</summary>
    public const string ModelDeliveryInvalid = "ModelDeliveryInvalid";

    /// <summary>The cluster refuses what delivery must make for a workload: a quota, a policy, a missing right; the message has its words. Retried.</summary>
    public const string ModelDeliveryRefused = "ModelDeliveryRefused";

    /// <summary>Everything a workload asked for is in place; the gate is lifted.</summary>
    public const string ModelDeliveryPrepared = "ModelDeliveryPrepared";

    /// <summary>The user's cache claim does not exist. The gate stays.</summary>
    public const string ModelCachePvcNotFound = "ModelCachePVCNotFound";

    /// <summary>The user's cache claim cannot apply here.</summary>
    public const string ModelCacheClaimIgnored = "ModelCacheClaimIgnored";

    /// <summary>The nodes' caches have no storage yet. Retried when what is missing appears.</summary>
    public const string NodeCacheNotReady = "NodeCacheNotReady";
}
