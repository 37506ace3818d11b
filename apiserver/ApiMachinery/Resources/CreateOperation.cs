using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>The order of a create (k8s.io/apiserver/pkg/registry/rest/create.go).</summary>
internal sealed class CreateOperation(WritePath path)
{
    /// <summary>Adds an object; <paramref name="obj"/> is changed into what was stored.</summary>
    /// <param name="isApply">The object was merged by server-side apply, which has tracked its fields.</param>
    public async Task<ResourceObject> RunAsync(
        string @namespace, JsonObject obj, WriteOptions options, bool isApply, CancellationToken cancellationToken)
    {
        // Step 1: who it is.
        path.Rules.CheckShape(obj);
        path.Identity.CheckType(obj, UpdateKind.Replace);
        JsonObject metadata = ObjectMetadata.Of(obj);
        ObjectMetadata.DropNulls(metadata);
        WritePath.Warn(OwnerReferences.Deduplicate(metadata), options);
        path.Identity.SetNamespace(metadata, @namespace);
        // What is no number is no version either, as upstream has it.
        if (ulong.TryParse(ObjectMetadata.Text(metadata, "resourceVersion"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong version) && version > 0 && !isApply)
        {
            throw ApiError.Unreasoned("resourceVersion should not be set on objects to be created");
        }

        metadata.Remove("resourceVersion");
        ObjectMetadata.ClearServerFields(metadata);
        path.RefuseOrWarn(obj, options, path.Rules.PruneAndDefault(obj));

        // The client owns what it wrote, not what admission and the strategy add: its next apply would remove that.
        if (!isApply)
        {
            path.Rules.Track(null, obj, options.FieldManager, "", path.Now);
        }

        // Step 2: what admission makes of it.
        AdmissionRequest admission = path.Admission.Request("CREATE", @namespace, ObjectMetadata.Text(metadata, "name"), "", obj, null, options);
        obj = await path.MutateAsync(admission, cancellationToken);
        metadata = ObjectMetadata.Of(obj);

        // Step 3: what the server sets.
        string generateName = ObjectMetadata.Text(metadata, "generateName");
        bool isGenerated = ObjectMetadata.Text(metadata, "name").Length == 0 && generateName.Length > 0;
        if (isGenerated)
        {
            metadata["name"] = GeneratedName.From(generateName);
        }

        ObjectMetadata.Fill(metadata, path.Now);
        if (path.Definition.HasStatus)
        {
            obj.Remove("status");
            path.Rules.PruneAndDefault(obj);
        }

        path.Definition.Strategy?.Prepare(obj, null);

        // Step 4: whether it is right.
        path.Throw(path.Rules.Validate(obj, null, isStatus: false), ObjectMetadata.Text(metadata, "name"));
        WritePath.Warn(path.Rules.Warnings(obj, null), options);
        await path.Admission.ValidateAsync(admission, obj, cancellationToken);

        // Step 5: store it, under another name if a generated one is taken.
        for (int attempt = 1; ; attempt++)
        {
            string name = ObjectMetadata.Text(metadata, "name");
            ObjectKey key = path.KeyOf(@namespace, name);
            byte[] bytes = ObjectBytes.Encode(obj);
            WriteResult result = options.IsDryRun
                ? await TryDryCreateAsync(key, bytes, cancellationToken)
                : await path.Store.CreateAsync(key, bytes, cancellationToken);
            if (result.Outcome == WriteOutcome.Committed)
            {
                return new ResourceObject(result.Object!);
            }

            if (!isGenerated)
            {
                throw ApiError.AlreadyExists(
                    path.Definition, name, result.Object is { } taken && ObjectMetadata.IsTerminating(ObjectBytes.Decode(taken.Value, taken.Revision)));
            }

            if (attempt == GeneratedName.Attempts)
            {
                throw ApiError.GenerateNameConflict(path.Definition, name);
            }

            metadata["name"] = GeneratedName.From(generateName);
        }
    }

    private async ValueTask<WriteResult> TryDryCreateAsync(ObjectKey key, byte[] bytes, CancellationToken cancellationToken) =>
        await path.Store.GetAsync(key, cancellationToken) is { } taken
            ? new WriteResult(WriteOutcome.Exists, taken)
            : new WriteResult(WriteOutcome.Committed, new StoredObject(key, 0, bytes));
}
