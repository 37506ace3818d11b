using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Resources;

/// <summary>How an update's new state came about; a few rules differ.</summary>
public enum UpdateKind
{
    /// <summary>PUT: the client sent the whole object and must name the resourceVersion it read.</summary>
    Replace,

    /// <summary>A change computed from the current state, so it can be computed again: patches and in-process writers.</summary>
    Change,

    /// <summary>Server-side apply.</summary>
    Apply,
}

/// <summary>
/// The fixed order of create, update and delete of one resource (k8s.io/apiserver/pkg/registry/rest/{create,update,delete}.go). Strategies, admission
/// and schema fill its slots and cannot change the order. Used by the handlers, and in-process by whoever must write an object as the API would.
/// Every refusal is an ApiException.
/// </summary>
public sealed class ResourceStore
{
    private readonly IObjectStore _store;
    private readonly AdmissionChain _admission;
    private readonly TimeProvider _time;
    private readonly KindRules _rules;
    private readonly Identity _identity;

    internal ResourceStore(ResourceDefinition definition, IObjectStore store, IReadOnlyList<IAdmission> admission, TimeProvider time)
    {
        (Definition, _store, _time) = (definition, store, time);
        (_rules, _identity, _admission) = (new KindRules(definition), new Identity(definition), new AdmissionChain(definition, admission));
    }

    public ResourceDefinition Definition { get; }

    /// <summary>The store's key of an object of this resource.</summary>
    public ObjectKey KeyOf(string @namespace, string name) =>
        new(Definition.Group, Definition.Plural, Definition.Scope == ResourceScope.Namespaced ? @namespace : "", name);

    /// <summary>Key prefix of a namespace's objects, or of all.</summary>
    public string PrefixOf(string @namespace) =>
        ObjectKey.PrefixOf(Definition.Group, Definition.Plural, Definition.Scope == ResourceScope.Namespaced ? @namespace : "");

    /// <summary>The newest state, or null.</summary>
    public async ValueTask<ResourceObject?> FindAsync(string @namespace, string name, CancellationToken cancellationToken) =>
        await _store.GetAsync(KeyOf(@namespace, name), cancellationToken) is { } stored ? new ResourceObject(stored) : null;

    /// <summary>The newest state; NotFound when there is none.</summary>
    public async ValueTask<ResourceObject> GetAsync(string @namespace, string name, CancellationToken cancellationToken) =>
        await FindAsync(@namespace, name, cancellationToken) ?? throw ApiError.NotFound(Definition, name);

    /// <summary>Adds an object. <paramref name="obj"/> is changed into what was stored.</summary>
    public Task<ResourceObject> CreateAsync(string @namespace, JsonObject obj, WriteOptions options, CancellationToken cancellationToken) =>
        CreateAsync(@namespace, obj, options, isApply: false, cancellationToken);

    /// <summary>
    /// Changes an object with optimistic concurrency: <paramref name="change"/> gets a fresh copy of the current state, and gets another one each time
    /// somebody else was faster. A state that is not different is not written and keeps its resourceVersion. Emptying the finalizers of a terminating
    /// object removes it.
    /// </summary>
    /// <param name="subresource">Empty, or <c>status</c>: then only status changes.</param>
    public Task<ResourceObject> UpdateAsync(
        string @namespace, string name, Func<JsonObject, JsonObject> change, WriteOptions options, CancellationToken cancellationToken,
        UpdateKind kind = UpdateKind.Change, string subresource = "") =>
        UpdateAsync(new Update(@namespace, name, change, options, kind, subresource), cancellationToken);

    /// <summary>Server-side apply: merges <paramref name="applied"/> as <see cref="WriteOptions.FieldManager"/>, creating the object when absent.</summary>
    /// <param name="admit">Asked before each attempt, with whether the object is there: what it throws ends the apply.</param>
    /// <returns>The state, and whether it is new.</returns>
    public async Task<(ResourceObject Object, bool IsNew)> ApplyAsync(
        string @namespace, string name, JsonObject applied, WriteOptions options, string subresource, Func<bool, ValueTask> admit,
        CancellationToken cancellationToken)
    {
        // What is remembered spares a read here too; that it is gone, the update finds out.
        bool isThere = !options.IsDryRun && _store.Remember(KeyOf(@namespace, name)) is not null;
        while (true)
        {
            isThere = isThere || await FindAsync(@namespace, name, cancellationToken) is not null;
            await admit(isThere);
            if (isThere)
            {
                try
                {
                    return (await UpdateAsync(
                        @namespace, name, live => ApplyTo(live, applied, options, subresource), options, cancellationToken, UpdateKind.Apply, subresource), false);
                }
                catch (ApiException gone) when (IsAboutThis(gone, "NotFound") && subresource.Length == 0)
                {
                    isThere = false; // Deleted since the look above: it is a create now.
                    continue;
                }
            }

            if (subresource.Length > 0)
            {
                throw ApiError.NotFound(Definition, name);
            }

            if (applied["metadata"]?["uid"] is { } uid)
            {
                throw ApiError.Conflict(Definition, name, $"uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            }

            try
            {
                JsonObject created = _rules.Apply(null, applied, options, subresource, _time.GetUtcNow());
                return (await CreateAsync(@namespace, created, options, isApply: true, cancellationToken), true);
            }
            catch (ApiException taken) when (IsAboutThis(taken, "AlreadyExists") && !options.IsDryRun)
            {
                // Created since the look above: it is an update now.
            }
        }
    }

    /// <summary>Asks admission about a request to a subresource that answers for itself.</summary>
    internal ValueTask ConnectAsync(
        string @namespace, string name, string subresource, Http.UserInfo user, IDictionary<string, string> auditAnnotations, ICollection<string> warnings,
        CancellationToken cancellationToken) =>
        _admission.ConnectAsync(@namespace, name, subresource, user, auditAnnotations, warnings, cancellationToken);

    /// <summary>Deletes, or marks for deletion when finalizers remain (contract X1-X9).</summary>
    public async Task<DeleteResult> DeleteAsync(string @namespace, string name, DeleteOptions options, CancellationToken cancellationToken)
    {
        ObjectKey key = KeyOf(@namespace, name);
        StoredObject? current = await _store.GetAsync(key, cancellationToken);
        while (current is not null)
        {
            JsonObject live = ObjectBytes.Decode(current.Value, current.Revision);
            _identity.CheckPreconditions(name, ObjectMetadata.Of(live), options);
            await _admission.DeleteAsync(key.Namespace, key.Name, live, options, cancellationToken);

            // Step 1: what the propagation policy makes of the finalizers decides whether the object goes now.
            JsonObject next = live.DeepClone().AsObject();
            IReadOnlyList<string> finalizers = Finalization.After(ObjectMetadata.Finalizers(live), options.PropagationPolicy);
            if (finalizers.Count == 0)
            {
                if (options.IsDryRun)
                {
                    return new DeleteResult(new ResourceObject(current), IsGone: true);
                }

                WriteResult deleted = await _store.DeleteAsync(key, current.Revision, cancellationToken);
                if (deleted.Outcome == WriteOutcome.Committed)
                {
                    return new DeleteResult(new ResourceObject(deleted.Object!), IsGone: true);
                }

                current = deleted.Object;
                continue;
            }

            // Step 2: otherwise it waits for them.
            Finalization.Mark(ObjectMetadata.Of(next), finalizers, _time.GetUtcNow());
            if (options.IsDryRun || ObjectMetadata.IsUnchanged(next, live))
            {
                return new DeleteResult(new ResourceObject(ObjectBytes.Encode(next), current.Revision), IsGone: false);
            }

            WriteResult marked = await _store.UpdateAsync(key, current.Revision, ObjectBytes.Encode(next), cancellationToken);
            if (marked.Outcome == WriteOutcome.Committed)
            {
                return new DeleteResult(new ResourceObject(marked.Object!), IsGone: false);
            }

            current = marked.Object;
        }

        throw ApiError.NotFound(Definition, name);
    }

    private async Task<ResourceObject> CreateAsync(
        string @namespace, JsonObject obj, WriteOptions options, bool isApply, CancellationToken cancellationToken)
    {
        // Step 1: who it is.
        _rules.CheckShape(obj);
        _identity.CheckType(obj, UpdateKind.Replace);
        JsonObject metadata = ObjectMetadata.Of(obj);
        ObjectMetadata.DropNulls(metadata);
        Warn(OwnerReferences.Deduplicate(metadata), options);
        _identity.SetNamespace(metadata, @namespace);
        // What is no number is no version either, as upstream has it.
        if (ulong.TryParse(ObjectMetadata.Text(metadata, "resourceVersion"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong version) && version > 0 && !isApply)
        {
            throw ApiError.Unreasoned("resourceVersion should not be set on objects to be created");
        }

        metadata.Remove("resourceVersion");
        ObjectMetadata.ClearServerFields(metadata);
        RefuseOrWarn(obj, options, _rules.PruneAndDefault(obj));

        // The client owns what it wrote, not what admission and the strategy add: its next apply would remove that.
        if (!isApply)
        {
            _rules.Track(null, obj, options.FieldManager, "", _time.GetUtcNow());
        }

        // Step 2: what admission makes of it.
        AdmissionRequest admission = _admission.Request("CREATE", @namespace, ObjectMetadata.Text(metadata, "name"), "", obj, null, options);
        obj = await MutateAsync(admission, cancellationToken);
        metadata = ObjectMetadata.Of(obj);

        // Step 3: what the server sets.
        string generateName = ObjectMetadata.Text(metadata, "generateName");
        bool isGenerated = ObjectMetadata.Text(metadata, "name").Length == 0 && generateName.Length > 0;
        if (isGenerated)
        {
            metadata["name"] = GeneratedName.From(generateName);
        }

        ObjectMetadata.Fill(metadata, _time.GetUtcNow());
        if (Definition.HasStatus)
        {
            obj.Remove("status");
            _rules.PruneAndDefault(obj);
        }

        Definition.Strategy?.Prepare(obj, null);

        // Step 4: whether it is right.
        Throw(_rules.Validate(obj, null, isStatus: false), ObjectMetadata.Text(metadata, "name"));
        Warn(_rules.Warnings(obj, null), options);
        await _admission.ValidateAsync(admission, obj, cancellationToken);

        // Step 5: store it, under another name if a generated one is taken.
        for (int attempt = 1; ; attempt++)
        {
            string name = ObjectMetadata.Text(metadata, "name");
            ObjectKey key = KeyOf(@namespace, name);
            byte[] bytes = ObjectBytes.Encode(obj);
            WriteResult result = options.IsDryRun
                ? await TryDryCreateAsync(key, bytes, cancellationToken)
                : await _store.CreateAsync(key, bytes, cancellationToken);
            if (result.Outcome == WriteOutcome.Committed)
            {
                return new ResourceObject(result.Object!);
            }

            if (!isGenerated)
            {
                throw ApiError.AlreadyExists(
                    Definition, name, result.Object is { } taken && ObjectMetadata.IsTerminating(ObjectBytes.Decode(taken.Value, taken.Revision)));
            }

            if (attempt == GeneratedName.Attempts)
            {
                throw ApiError.GenerateNameConflict(Definition, name);
            }

            metadata["name"] = GeneratedName.From(generateName);
        }
    }

    private async Task<ResourceObject> UpdateAsync(Update update, CancellationToken cancellationToken)
    {
        ObjectKey key = KeyOf(update.Namespace, update.Name);
        var basis = new UpdateBasis(_store, key);
        await basis.BeginAsync(mayBeOld: !update.Options.IsDryRun, cancellationToken);
        while (basis.Current is { } current)
        {
            JsonObject live = ObjectBytes.Decode(current.Value, current.Revision);
            JsonObject next;
            try
            {
                next = await NextStateAsync(update, live, current, cancellationToken);
            }
            catch (ApiException)
            {
                if (!await basis.RenewAsync(cancellationToken))
                {
                    throw;
                }

                continue;
            }

            // A state that does not differ is not written (contract U6).
            byte[] bytes = ObjectBytes.Encode(next);
            if (bytes.AsSpan().SequenceEqual(current.Value.Span) || ObjectMetadata.IsUnchanged(next, live))
            {
                if (await basis.RenewAsync(cancellationToken))
                {
                    continue;
                }

                return new ResourceObject(current);
            }

            ResourceObject answer = new(bytes, current.Revision);
            if (update.Options.IsDryRun)
            {
                return answer;
            }

            if (ObjectMetadata.IsTerminating(live) && ObjectMetadata.Finalizers(next).Count == 0 && HasNoGrace(next))
            {
                WriteResult deleted = await _store.DeleteAsync(key, current.Revision, cancellationToken);
                if (deleted.Outcome == WriteOutcome.Committed)
                {
                    return answer; // As it would have been, at its old resourceVersion (contract U7).
                }

                basis.Replace(deleted.Object);
                continue;
            }

            WriteResult written = await _store.UpdateAsync(key, current.Revision, answer.Value, cancellationToken);
            if (written.Outcome == WriteOutcome.Committed)
            {
                return new ResourceObject(written.Object!);
            }

            basis.Replace(written.Object);
        }

        throw ApiError.NotFound(Definition, update.Name);
    }

    /// <summary>One round of an update: from the live state to one that may be stored.</summary>
    private async Task<JsonObject> NextStateAsync(Update update, JsonObject live, StoredObject current, CancellationToken cancellationToken)
    {
        // Step 1: what the client wants, and whether it may want that of this state.
        bool isStatus = update.Subresource == "status";
        JsonObject next = update.Change(ObjectBytes.Decode(current.Value, current.Revision));
        _rules.CheckShape(next, update.Kind);
        _identity.CheckType(next, update.Kind);
        ObjectMetadata.DropNulls(ObjectMetadata.Of(next));
        Warn(OwnerReferences.Deduplicate(ObjectMetadata.Of(next)), update.Options);
        _identity.CheckUpdate(current.Key, ObjectMetadata.Of(next), ObjectMetadata.Of(live), update.Kind);
        RefuseOrWarn(next, update.Options, _rules.PruneAndDefault(next), update.Kind);
        next = KeepWhatIsNotTheirs(next, live, isStatus);
        if (update.Kind != UpdateKind.Apply)
        {
            _rules.Track(live, next, update.Options.FieldManager, update.Subresource, _time.GetUtcNow());
        }

        // Step 2: what admission makes of it.
        AdmissionRequest admission = _admission.Request("UPDATE", update.Namespace, update.Name, update.Subresource, next, live, update.Options);
        next = await MutateAsync(admission, cancellationToken);

        // Step 3: what the server sets.
        if (!isStatus)
        {
            Definition.Strategy?.Prepare(next, live);
            if (ObjectMetadata.SpecDiffers(next, live, Definition.HasStatus))
            {
                ObjectMetadata.RaiseGeneration(ObjectMetadata.Of(next));
            }
        }

        // Step 4: whether it is right.
        Throw(_rules.Validate(next, live, isStatus), update.Name);
        if (!isStatus)
        {
            Warn(_rules.Warnings(next, live), update.Options);
        }

        await _admission.ValidateAsync(admission, next, cancellationToken);
        return next;
    }

    private JsonObject ApplyTo(JsonObject live, JsonObject applied, WriteOptions options, string subresource)
    {
        string version = applied["metadata"] is JsonObject metadata ? ObjectMetadata.Text(metadata, "resourceVersion") : "";
        string name = (string)live["metadata"]!["name"]!;
        if (version.Length > 0)
        {
            _identity.CheckVersion(name, version, (string)live["metadata"]!["resourceVersion"]!);
        }

        return _rules.Apply(live, applied, options, subresource, _time.GetUtcNow());
    }

    /// <summary>The main resource cannot change status; /status can change nothing else (contract U8, U10).</summary>
    private JsonObject KeepWhatIsNotTheirs(JsonObject next, JsonObject live, bool isStatus)
    {
        if (isStatus)
        {
            JsonObject whole = live.DeepClone().AsObject();
            Move(next, whole, "status");
            Move(ObjectMetadata.Of(next), ObjectMetadata.Of(whole), "managedFields");
            return whole;
        }

        ObjectMetadata.KeepServerFields(ObjectMetadata.Of(next), ObjectMetadata.Of(live));
        if (Definition.HasStatus)
        {
            next.Remove("status");
            if (live["status"] is { } status)
            {
                next["status"] = status.DeepClone();
            }
        }

        return next;
    }

    private static void Move(JsonObject from, JsonObject to, string field)
    {
        to.Remove(field);
        if (from[field] is { } value)
        {
            from.Remove(field);
            to[field] = value;
        }
    }

    private void RefuseOrWarn(JsonObject obj, WriteOptions options, IReadOnlyList<string> unknown, UpdateKind kind = UpdateKind.Replace)
    {
        if (options.FieldValidation == FieldValidation.Ignore || kind == UpdateKind.Apply || (unknown.Count == 0 && options.DecodeErrors.Count == 0))
        {
            return;
        }

        string[] all = [.. options.DecodeErrors, .. unknown];
        if (options.FieldValidation == FieldValidation.Warn)
        {
            Warn(all, options);
        }
        else if (kind == UpdateKind.Change)
        {
            throw ApiError.InvalidPatch(obj, "strict decoding error: " + string.Join(", ", all));
        }
        else
        {
            throw ApiError.BadRequest(
                $"{Definition.Kind} in version \"{Definition.Version}\" cannot be handled as a {Definition.Kind}: strict decoding error: {string.Join(", ", all)}");
        }
    }

    private static void Warn(IEnumerable<string> sentences, WriteOptions options)
    {
        foreach (string sentence in sentences)
        {
            if (!options.Warnings.Contains(sentence))
            {
                options.Warnings.Add(sentence);
            }
        }
    }

    private void Throw(IReadOnlyList<FieldError> errors, string name)
    {
        if (errors.Count > 0)
        {
            throw ApiError.Invalid(Definition, name, errors);
        }
    }

    private async ValueTask<JsonObject> MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        if (_admission.IsEmpty)
        {
            return request.Object!;
        }

        JsonObject mutated = await _admission.MutateAsync(request, cancellationToken);
        _rules.PruneAndDefault(mutated);
        return mutated;
    }

    private async ValueTask<WriteResult> TryDryCreateAsync(ObjectKey key, byte[] bytes, CancellationToken cancellationToken) =>
        await _store.GetAsync(key, cancellationToken) is { } taken
            ? new WriteResult(WriteOutcome.Exists, taken)
            : new WriteResult(WriteOutcome.Committed, new StoredObject(key, 0, bytes));

    // Admission may miss other things, a namespace for instance.
    private bool IsAboutThis(ApiException error, string reason) =>
        (string?)error.Status["reason"] == reason && (string?)error.Status["details"]?["kind"] == Definition.Plural;

    private static bool HasNoGrace(JsonObject obj) => ((long?)obj["metadata"]!["deletionGracePeriodSeconds"] ?? 0) == 0;

    private sealed record Update(
        string Namespace, string Name, Func<JsonObject, JsonObject> Change, WriteOptions Options, UpdateKind Kind, string Subresource);
}
