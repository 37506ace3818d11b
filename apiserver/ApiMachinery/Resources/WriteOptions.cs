using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;

namespace AiModels.ApiMachinery.Resources;

/// <summary>What is done about fields that the schema does not know (contract V4).</summary>
public enum FieldValidation
{
    Warn,
    Ignore,
    Strict,
}

/// <summary>Everything about a write beside the object. In-process writers need only say who they are.</summary>
public sealed record WriteOptions
{
    /// <summary>Who is recorded in metadata.managedFields; at most 128 characters.</summary>
    public required string FieldManager { get; init; }
    public UserInfo User { get; init; } = UserInfo.Anonymous;

    /// <summary>Everything but the storing.</summary>
    public bool IsDryRun { get; init; }
    public FieldValidation FieldValidation { get; init; } = FieldValidation.Ignore;

    /// <summary>What the decoder found that strict validation refuses, as in <c>duplicate field "spec.x"</c>.</summary>
    public IReadOnlyList<string> DecodeErrors { get; init; } = [];

    /// <summary>Of server-side apply: take fields from their owners.</summary>
    public bool Force { get; init; }

    /// <summary>Sentences for Warning headers are added here.</summary>
    public ICollection<string> Warnings { get; init; } = [];

    /// <summary>Annotations of the request's audit event are added here.</summary>
    public IDictionary<string, string> AuditAnnotations { get; init; } = new Dictionary<string, string>();

    /// <summary>The options as a document, for admission.</summary>
    internal JsonObject Describe(string operation)
    {
        var options = new JsonObject { ["kind"] = operation == "CREATE" ? "CreateOptions" : "UpdateOptions", ["apiVersion"] = "meta.k8s.io/v1" };
        if (IsDryRun)
        {
            options["dryRun"] = new JsonArray("All");
        }

        options["fieldManager"] = FieldManager;
        options["fieldValidation"] = FieldValidation.ToString();
        return options;
    }
}

/// <summary>How to delete (metav1.DeleteOptions).</summary>
public sealed record DeleteOptions
{
    public string? PreconditionUid { get; init; }
    public string? PreconditionResourceVersion { get; init; }

    /// <summary>Orphan, Background, Foreground, or null to leave the object's own finalizers as they are.</summary>
    public string? PropagationPolicy { get; init; }
    public bool IsDryRun { get; init; }
    public UserInfo User { get; init; } = UserInfo.Anonymous;

    /// <summary>Sentences for Warning headers are added here.</summary>
    public ICollection<string> Warnings { get; init; } = new List<string>();

    /// <summary>Annotations of the request's audit event are added here.</summary>
    public IDictionary<string, string> AuditAnnotations { get; init; } = new Dictionary<string, string>();

    /// <summary>The options as a document, for admission.</summary>
    internal JsonObject Describe()
    {
        var options = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "meta.k8s.io/v1" };
        if (IsDryRun)
        {
            options["dryRun"] = new JsonArray("All");
        }

        if (PropagationPolicy is not null)
        {
            options["propagationPolicy"] = PropagationPolicy;
        }

        return options;
    }
}

/// <summary>What a delete did.</summary>
/// <param name="Object">The last state, or the state that now waits for its finalizers.</param>
/// <param name="IsGone">Whether the object no longer exists.</param>
public sealed record DeleteResult(ResourceObject Object, bool IsGone);
