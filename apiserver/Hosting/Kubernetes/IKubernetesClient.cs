using System.Text.Json.Nodes;

namespace AiModels.Hosting.Kubernetes;

/// <summary>
/// A thin client of a Kubernetes API: JSON documents over HTTP, as the API server machinery on the other side works on them too.
/// The package KubernetesClient can take its place behind this interface once it can be restored (README, "Packages").
/// <para>
/// Every call throws <see cref="KubernetesApiException"/> when the server answers with an error Status, and retries by itself only what is safe to
/// repeat: connection failures before an answer, 429 and 503 with Retry-After.
/// </para>
/// </summary>
public interface IKubernetesClient
{
    /// <summary>The object, or null when there is none (404).</summary>
    Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken);

    /// <summary>All objects that match, paged through to the end, with the list's resourceVersion. A null namespace means all namespaces.</summary>
    Task<KubernetesList> ListAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken);

    /// <summary>
    /// Changes after <see cref="KubernetesListOptions.ResourceVersion"/>, bookmarks included, until the server ends the stream or the call is cancelled.
    /// An ERROR event is thrown as <see cref="KubernetesApiException"/> (410 Expired: list again).
    /// </summary>
    IAsyncEnumerable<KubernetesEvent> WatchAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken);

    /// <summary>Creates an object; name and namespace are read from it.</summary>
    Task<JsonObject> CreateAsync(ResourceType type, JsonObject body, string? fieldManager, CancellationToken cancellationToken);

    /// <summary>Replaces an object, or a subresource such as status. metadata.resourceVersion in the body guards against lost updates (409).</summary>
    Task<JsonObject> UpdateAsync(ResourceType type, JsonObject body, string? subresource, CancellationToken cancellationToken);

    /// <summary>Patches an object or a subresource of it.</summary>
    Task<JsonObject> PatchAsync(
        ResourceType type, string? ns, string name, KubernetesPatch patch, JsonNode body, string? subresource, string? fieldManager, CancellationToken cancellationToken);

    /// <summary>Deletes an object. Nothing to delete (404) is a success. Precondition: the uid, when given.</summary>
    Task DeleteAsync(ResourceType type, string? ns, string name, string? uid, string? propagationPolicy, CancellationToken cancellationToken);

    /// <summary>POST, GET or PUT of a custom subresource with a JSON body. Null body for GET.</summary>
    Task<JsonObject> SubresourceAsync(
        HttpMethod method, ResourceType type, string? ns, string name, string subresource, JsonObject? body, CancellationToken cancellationToken);

    /// <summary>Sends any other request to the API server (SubjectAccessReview, /version …). The path starts with a slash.</summary>
    Task<JsonObject> RawAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken);
}

/// <summary>A resource of the API: what its paths are made of.</summary>
/// <param name="Group">Empty for the core group.</param>
public sealed record ResourceType(string Group, string Version, string Plural, string Kind, bool Namespaced)
{
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";
}

/// <summary>Options of list and watch.</summary>
public sealed record KubernetesListOptions
{
    public string? LabelSelector { get; init; }
    public string? FieldSelector { get; init; }
    public string? ResourceVersion { get; init; }

    /// <summary>Ask the server to end a watch after so long. Default: the server's own 30 to 60 minutes.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>A list and the resourceVersion to watch from.</summary>
public sealed record KubernetesList(string ResourceVersion, IReadOnlyList<JsonObject> Items);

/// <summary>One event of a watch.</summary>
/// <param name="Type">ADDED, MODIFIED, DELETED or BOOKMARK.</param>
public sealed record KubernetesEvent(string Type, JsonObject Object);

/// <summary>Patch formats.</summary>
public enum KubernetesPatch
{
    /// <summary>RFC 7386.</summary>
    Merge,

    /// <summary>RFC 6902.</summary>
    Json,

    /// <summary>Server-side apply with force: the caller's field manager takes what it names.</summary>
    Apply,
}

/// <summary>The server answered with an error.</summary>
public sealed class KubernetesApiException(int statusCode, string reason, string message, JsonObject? status = null) : Exception(message)
{
    public int StatusCode { get; } = statusCode;

    /// <summary>Status.reason: NotFound, AlreadyExists, Conflict, Invalid, Expired …</summary>
    public string Reason { get; } = reason;

    /// <summary>The whole Status, when there was one.</summary>
    public JsonObject? Status { get; } = status;

    public bool IsConflict => StatusCode == 409 && Reason != "AlreadyExists";
    public bool IsAlreadyExists => Reason == "AlreadyExists";
    public bool IsExpired => StatusCode == 410;

    /// <summary>Nothing can be made any more, because the namespace is going, and takes along what is in it.</summary>
    public bool IsNamespaceTerminating =>
        StatusCode == 403 && (Status?["details"]?["causes"] as JsonArray)?.Any(cause => (string?)cause?["reason"] == "NamespaceTerminating") == true;
}
