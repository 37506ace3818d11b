using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>The order of a delete (k8s.io/apiserver/pkg/registry/rest/delete.go).</summary>
internal sealed class DeleteOperation(WritePath path)
{
    /// <inheritdoc cref="ResourceStore.DeleteAsync"/>
    public async Task<DeleteResult> RunAsync(string @namespace, string name, DeleteOptions options, CancellationToken cancellationToken)
    {
        ObjectKey key = path.KeyOf(@namespace, name);
        StoredObject? current = await path.Store.GetAsync(key, cancellationToken);
        while (current is not null)
        {
            JsonObject live = ObjectBytes.Decode(current.Value, current.Revision);
            path.Identity.CheckPreconditions(name, ObjectMetadata.Of(live), options);
            await path.Admission.DeleteAsync(key.Namespace, key.Name, live, options, cancellationToken);

            // Step 1: what the propagation policy makes of the finalizers decides whether the object goes now.
            JsonObject next = live.DeepClone().AsObject();
            IReadOnlyList<string> finalizers = Finalization.After(ObjectMetadata.Finalizers(live), options.PropagationPolicy);
            if (finalizers.Count == 0)
            {
                if (options.IsDryRun)
                {
                    return new DeleteResult(new ResourceObject(current), IsGone: true);
                }

                WriteResult deleted = await path.Store.DeleteAsync(key, current.Revision, cancellationToken);
                if (deleted.Outcome == WriteOutcome.Committed)
                {
                    return new DeleteResult(new ResourceObject(deleted.Object!), IsGone: true);
                }

                current = deleted.Object;
                continue;
            }

            // Step 2: otherwise it waits for them.
            Finalization.Mark(ObjectMetadata.Of(next), finalizers, path.Now);
            if (options.IsDryRun || ObjectMetadata.IsUnchanged(next, live))
            {
                return new DeleteResult(new ResourceObject(ObjectBytes.Encode(next), current.Revision), IsGone: false);
            }

            WriteResult marked = await path.Store.UpdateAsync(key, current.Revision, ObjectBytes.Encode(next), cancellationToken);
            if (marked.Outcome == WriteOutcome.Committed)
            {
                return new DeleteResult(new ResourceObject(marked.Object!), IsGone: false);
            }

            current = marked.Object;
        }

        throw ApiError.NotFound(path.Definition, name);
    }
}
