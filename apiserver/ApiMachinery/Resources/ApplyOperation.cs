using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Server-side apply: an update where the object is there, a create where it is not, whatever happens between looking and writing.</summary>
internal sealed class ApplyOperation(WritePath path, CreateOperation creates, UpdateOperation updates)
{
    /// <inheritdoc cref="ResourceStore.ApplyAsync"/>
    public async Task<(ResourceObject Object, bool IsNew)> RunAsync(
        string @namespace, string name, JsonObject applied, WriteOptions options, string subresource, Func<bool, ValueTask> admit,
        CancellationToken cancellationToken)
    {
        ObjectKey key = path.KeyOf(@namespace, name);

        // What is remembered spares a read here too; that it is gone, the update finds out.
        bool isThere = !options.IsDryRun && path.Store.Remember(key) is not null;
        while (true)
        {
            isThere = isThere || await path.Store.GetAsync(key, cancellationToken) is not null;
            await admit(isThere);
            if (isThere)
            {
                try
                {
                    return (await updates.RunAsync(
                        new Update(@namespace, name, live => ApplyTo(live, applied, options, subresource), options, UpdateKind.Apply, subresource), cancellationToken), false);
                }
                catch (ApiException gone) when (IsAboutThis(gone, "NotFound") && subresource.Length == 0)
                {
                    isThere = false; // Deleted since the look above: it is a create now.
                    continue;
                }
            }

            if (subresource.Length > 0)
            {
                throw ApiError.NotFound(path.Definition, name);
            }

            if (applied["metadata"]?["uid"] is { } uid)
            {
                throw ApiError.Conflict(path.Definition, name, $"uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            }

            try
            {
                JsonObject created = path.Rules.Apply(null, applied, options, subresource, path.Now);
                return (await creates.RunAsync(@namespace, created, options, isApply: true, cancellationToken), true);
            }
            catch (ApiException taken) when (IsAboutThis(taken, "AlreadyExists") && !options.IsDryRun)
            {
                // Created since the look above: it is an update now.
            }
        }
    }

    private JsonObject ApplyTo(JsonObject live, JsonObject applied, WriteOptions options, string subresource)
    {
        string version = applied["metadata"] is JsonObject metadata ? ObjectMetadata.Text(metadata, "resourceVersion") : "";
        string name = (string)live["metadata"]!["name"]!;
        if (version.Length > 0)
        {
            path.Identity.CheckVersion(name, version, (string)live["metadata"]!["resourceVersion"]!);
        }

        return path.Rules.Apply(live, applied, options, subresource, path.Now);
    }

    // Admission may miss other things, a namespace for instance.
    private bool IsAboutThis(ApiException error, string reason) =>
        (string?)error.Status["reason"] == reason && (string?)error.Status["details"]?["kind"] == path.Definition.Plural;
}
