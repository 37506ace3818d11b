using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>The order of an update (k8s.io/apiserver/pkg/registry/rest/update.go).</summary>
internal sealed class UpdateOperation(WritePath path)
{
    /// <summary>Writes what the change makes of the state, computed again each time somebody else was faster.</summary>
    public async Task<ResourceObject> RunAsync(Update update, CancellationToken cancellationToken)
    {
        ObjectKey key = path.KeyOf(update.Namespace, update.Name);
        var basis = new UpdateBasis(path.Store, key);
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
                WriteResult deleted = await path.Store.DeleteAsync(key, current.Revision, cancellationToken);
                if (deleted.Outcome == WriteOutcome.Committed)
                {
                    return answer; // As it would have been, at its old resourceVersion (contract U7).
                }

                basis.Replace(deleted.Object);
                continue;
            }

            WriteResult written = await path.Store.UpdateAsync(key, current.Revision, answer.Value, cancellationToken);
            if (written.Outcome == WriteOutcome.Committed)
            {
                return new ResourceObject(written.Object!);
            }

            basis.Replace(written.Object);
        }

        throw ApiError.NotFound(path.Definition, update.Name);
    }

    /// <summary>One round of an update: from the live state to one that may be stored.</summary>
    private async Task<JsonObject> NextStateAsync(Update update, JsonObject live, StoredObject current, CancellationToken cancellationToken)
    {
        // Step 1: what the client wants, and whether it may want that of this state.
        bool isStatus = update.Subresource == "status";
        JsonObject next = update.Change(ObjectBytes.Decode(current.Value, current.Revision));
        path.Rules.CheckShape(next, update.Kind);
        path.Identity.CheckType(next, update.Kind);
        ObjectMetadata.DropNulls(ObjectMetadata.Of(next));
        WritePath.Warn(OwnerReferences.Deduplicate(ObjectMetadata.Of(next)), update.Options);
        path.Identity.CheckUpdate(current.Key, ObjectMetadata.Of(next), ObjectMetadata.Of(live), update.Kind);
        path.RefuseOrWarn(next, update.Options, path.Rules.PruneAndDefault(next), update.Kind);
        next = KeepWhatIsNotTheirs(next, live, isStatus);
        if (update.Kind != UpdateKind.Apply)
        {
            path.Rules.Track(live, next, update.Options.FieldManager, update.Subresource, path.Now);
        }

        // Step 2: what admission makes of it.
        AdmissionRequest admission = path.Admission.Request("UPDATE", update.Namespace, update.Name, update.Subresource, next, live, update.Options);
        next = await path.MutateAsync(admission, cancellationToken);

        // Step 3: what the server sets.
        if (!isStatus)
        {
            path.Definition.Strategy?.Prepare(next, live);
            if (ObjectMetadata.SpecDiffers(next, live, path.Definition.HasStatus))
            {
                ObjectMetadata.RaiseGeneration(ObjectMetadata.Of(next));
            }
        }

        // Step 4: whether it is right.
        path.Throw(path.Rules.Validate(next, live, isStatus), update.Name);
        if (!isStatus)
        {
            WritePath.Warn(path.Rules.Warnings(next, live), update.Options);
        }

        await path.Admission.ValidateAsync(admission, next, cancellationToken);
        return next;
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
        if (path.Definition.HasStatus)
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

    private static bool HasNoGrace(JsonObject obj) => ((long?)obj["metadata"]!["deletionGracePeriodSeconds"] ?? 0) == 0;
}

/// <summary>An update that somebody asks for.</summary>
/// <param name="Change">Gives the wanted state from a fresh copy of the current one.</param>
/// <param name="Subresource">Empty, or <c>status</c>: then only status changes.</param>
internal sealed record Update(
    string Namespace, string Name, Func<JsonObject, JsonObject> Change, WriteOptions Options, UpdateKind Kind, string Subresource);
