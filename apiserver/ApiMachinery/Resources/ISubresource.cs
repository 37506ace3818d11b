using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Tables;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// A subresource other than /status: models/NAME/upload and the like. The machinery routes, authenticates, authorizes (verb and resource/subresource)
/// and lists it in discovery and OpenAPI; the implementation answers. Errors are thrown as ApiException and become a Status.
/// </summary>
public interface ISubresource
{
    /// <summary>Last part of the path: upload, progress, catalog, grant.</summary>
    string Name { get; }

    /// <summary>Kind of the answer, in the resource's own group and version unless said otherwise in <see cref="Schema"/>.</summary>
    string Kind { get; }

    /// <summary>apiVersion of <see cref="Kind"/> where it is not the resource's own: autoscaling/v1 of a Scale.</summary>
    string? KindApiVersion => null;

    /// <summary>Schema of <see cref="Kind"/>.</summary>
    Schema Schema { get; }

    /// <summary>What <c>kubectl get KIND NAME --subresource</c> prints of the answer, the name included. Empty where nobody gets it.</summary>
    IReadOnlyList<TableColumn> Columns => [];

    /// <summary>The rows of that Table: the answer alone, or one for each of its parts as well. Each has the answer's metadata.</summary>
    IEnumerable<JsonObject> RowsOf(JsonObject answer) => [answer];

    /// <summary>
    /// RBAC verbs that are served: get (GET, HEAD), watch (GET with ?watch=true), create (POST), update (PUT), patch (PATCH), delete (DELETE).
    /// Anything else answers 405.
    /// </summary>
    IReadOnlyList<string> Verbs { get; }

    /// <summary>Verbs whose requests may live long and carry large bodies: exempt from the body limit and the request deadline.</summary>
    IReadOnlyList<string> LongRunningVerbs { get; }

    /// <summary>
    /// Lets a request in that the ordinary authenticators refused, by a credential that only this subresource knows (an upload session's token).
    /// Null means it has no opinion. A returned identity skips the authorizer: it is good for this object and this subresource only.
    /// </summary>
    ValueTask<string?> AuthenticateAsync(SubresourceRequest request, string bearerToken, CancellationToken cancellationToken) => new((string?)null);

    /// <summary>Answers. The parent object exists; it is in <see cref="SubresourceRequest.Parent"/>.</summary>
    Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken);
}

/// <summary>A request to a subresource.</summary>
/// <param name="Http">The request and answer.</param>
/// <param name="Resource">The parent's kind.</param>
/// <param name="Verb">RBAC verb.</param>
/// <param name="Namespace">Empty for cluster scope.</param>
/// <param name="Name">Name of the parent.</param>
/// <param name="Parent">The parent as stored, resourceVersion included.</param>
public sealed record SubresourceRequest(
    HttpContext Http, ResourceDefinition Resource, string Verb, string Namespace, string Name, JsonObject Parent)
{
    /// <summary>Name of the authenticated user, for audit.</summary>
    public string User { get; init; } = "system:anonymous";
}
