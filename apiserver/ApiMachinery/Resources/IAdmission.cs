using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// A guard on writes, called in the order of registration: every <see cref="MutateAsync"/> after decoding and before validation, every
/// <see cref="ValidateAsync"/> after validation and before the store (contract C8). A refusal is an ApiException. Called again when a concurrent write
/// made the update start over; called for each object of a delete collection.
/// </summary>
public interface IAdmission
{
    /// <summary>May change <see cref="AdmissionRequest.Object"/>.</summary>
    ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Must not change anything.</summary>
    ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}

/// <summary>One write that is about to happen (admission.k8s.io AdmissionRequest).</summary>
public sealed class AdmissionRequest
{
    /// <summary>CREATE, UPDATE, DELETE, or CONNECT for a subresource that answers for itself.</summary>
    public required string Operation { get; init; }
    public required ResourceDefinition Resource { get; init; }
    public string Subresource { get; init; } = "";

    /// <summary>Empty for cluster scope.</summary>
    public required string Namespace { get; init; }

    /// <summary>Empty while a generated name is still to be made: when the object may be changed, not when it is validated.</summary>
    public required string Name { get; set; }

    /// <summary>The new state; null for DELETE.</summary>
    public JsonObject? Object { get; set; }

    /// <summary>The stored state, resourceVersion included; null for CREATE. Not to be changed.</summary>
    public JsonObject? OldObject { get; init; }
    public required UserInfo User { get; init; }
    public bool IsDryRun { get; init; }

    /// <summary>CreateOptions, UpdateOptions, PatchOptions or DeleteOptions of the request.</summary>
    public JsonObject? Options { get; init; }

    /// <summary>Sentences for Warning headers are added here.</summary>
    public ICollection<string> Warnings { get; init; } = [];

    /// <summary>Annotations of the request's audit event are added here.</summary>
    public IDictionary<string, string> AuditAnnotations { get; init; } = new Dictionary<string, string>();
}
