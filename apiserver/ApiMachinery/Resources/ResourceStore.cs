using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// The fixed order of create, update and delete of one resource (k8s.io/apiserver/pkg/registry/rest/{create,update,delete}.go). Strategies, admission
/// and schema fill its slots and cannot change the order. Used by the handlers, and in-process by whoever must write an object as the API would.
/// Every refusal is an ApiException.
/// </summary>
public sealed class ResourceStore
{
    private readonly WritePath _path;
    private readonly CreateOperation _create;
    private readonly UpdateOperation _update;
    private readonly ApplyOperation _apply;
    private readonly DeleteOperation _delete;

    internal ResourceStore(ResourceDefinition definition, IObjectStore store, IReadOnlyList<IAdmission> admission, TimeProvider time)
    {
        _path = new WritePath(definition, store, admission, time);
        (_create, _update, _delete) = (new CreateOperation(_path), new UpdateOperation(_path), new DeleteOperation(_path));
        _apply = new ApplyOperation(_path, _create, _update);
    }

    public ResourceDefinition Definition => _path.Definition;

    /// <summary>The store's key of an object of this resource.</summary>
    public ObjectKey KeyOf(string @namespace, string name) => _path.KeyOf(@namespace, name);

    /// <summary>Key prefix of a namespace's objects, or of all.</summary>
    public string PrefixOf(string @namespace) =>
        ObjectKey.PrefixOf(Definition.Group, Definition.Plural, Definition.Scope == ResourceScope.Namespaced ? @namespace : "");

    /// <summary>The newest state, or null.</summary>
    public async ValueTask<ResourceObject?> FindAsync(string @namespace, string name, CancellationToken cancellationToken) =>
        await _path.Store.GetAsync(KeyOf(@namespace, name), cancellationToken) is { } stored ? new ResourceObject(stored) : null;

    /// <summary>The newest state; NotFound when there is none.</summary>
    public async ValueTask<ResourceObject> GetAsync(string @namespace, string name, CancellationToken cancellationToken) =>
        await FindAsync(@namespace, name, cancellationToken) ?? throw ApiError.NotFound(Definition, name);

    /// <summary>Adds an object. <paramref name="obj"/> is changed into what was stored.</summary>
    public Task<ResourceObject> CreateAsync(string @namespace, JsonObject obj, WriteOptions options, CancellationToken cancellationToken) =>
        _create.RunAsync(@namespace, obj, options, isApply: false, cancellationToken);

    /// <summary>
    /// Changes an object with optimistic concurrency: <paramref name="change"/> gets a fresh copy of the current state, and gets another one each time
    /// somebody else was faster. A state that is not different is not written and keeps its resourceVersion. Emptying the finalizers of a terminating
    /// object removes it.
    /// </summary>
    /// <param name="subresource">Empty, or <c>status</c>: then only status changes.</param>
    public Task<ResourceObject> UpdateAsync(
        string @namespace, string name, Func<JsonObject, JsonObject> change, WriteOptions options, CancellationToken cancellationToken,
        UpdateKind kind = UpdateKind.Change, string subresource = "") =>
        _update.RunAsync(new Update(@namespace, name, change, options, kind, subresource), cancellationToken);

    /// <summary>Server-side apply: merges <paramref name="applied"/> as <see cref="WriteOptions.FieldManager"/>, creating the object when absent.</summary>
    /// <param name="admit">Asked before each attempt, with whether the object is there: what it throws ends the apply.</param>
    /// <returns>The state, and whether it is new.</returns>
    public Task<(ResourceObject Object, bool IsNew)> ApplyAsync(
        string @namespace, string name, JsonObject applied, WriteOptions options, string subresource, Func<bool, ValueTask> admit,
        CancellationToken cancellationToken) =>
        _apply.RunAsync(@namespace, name, applied, options, subresource, admit, cancellationToken);

    /// <summary>Deletes, or marks for deletion when finalizers remain (contract X1-X9).</summary>
    public Task<DeleteResult> DeleteAsync(string @namespace, string name, DeleteOptions options, CancellationToken cancellationToken) =>
        _delete.RunAsync(@namespace, name, options, cancellationToken);

    /// <summary>Asks admission about a request to a subresource that answers for itself.</summary>
    internal ValueTask ConnectAsync(
        string @namespace, string name, string subresource, Http.UserInfo user, IDictionary<string, string> auditAnnotations, ICollection<string> warnings,
        CancellationToken cancellationToken) =>
        _path.Admission.ConnectAsync(@namespace, name, subresource, user, auditAnnotations, warnings, cancellationToken);
}
