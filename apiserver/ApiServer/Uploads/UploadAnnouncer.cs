using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Tells whoever watches the model that its upload changed, by an annotation on it. What was told is written down in the session,
/// so that a change that was never told (the process was killed in between) is told by the next sweep.
/// </summary>
internal sealed class UploadAnnouncer(UploadJournal journal, IServiceProvider services)
{
    // Policy engines look at who writes, and would not let nobody do it.
    private static readonly WriteOptions Writer = new() { FieldManager = "ai-models-apiserver", User = UserInfo.Server };

    // Resolved late: the registry holds the subresources that hold this.
    private ResourceRegistry Resources => services.GetRequiredService<ResourceRegistry>();

    /// <summary>Makes the model's annotation say what the session says. Answers the session as stored then.</summary>
    public async ValueTask<StoredUpload> AnnounceAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        UploadRecord record = upload.Record;
        if (record.AnnouncedState == record.State)
        {
            return upload;
        }

        try
        {
            await Resources.StoreOf(GroupVersion.Group, record.Plural).UpdateAsync(
                record.Namespace, record.Name, model => Annotate(model, record), Writer, cancellationToken);
        }
        catch (ApiException gone) when (gone.Code == 404)
        {
            // The model was deleted meanwhile; the sweep forgets its session.
            return upload;
        }

        return await journal.UpdateAsync(upload, current => current with { AnnouncedState = record.State }, cancellationToken) ?? upload;
    }

    private static JsonObject Annotate(JsonObject model, UploadRecord record)
    {
        JsonObject metadata = model["metadata"]!.AsObject();
        if ((string?)metadata["uid"] == record.Uid)
        {
            if (metadata["annotations"] is not JsonObject annotations)
            {
                metadata["annotations"] = annotations = [];
            }

            annotations[Annotations.UploadState] = record.State;
        }

        return model;
    }
}
