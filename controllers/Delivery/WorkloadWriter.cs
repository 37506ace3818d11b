using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// Writes our part of a workload: server-side apply under our own field manager with our fields alone (requirement D9). Whatever an earlier apply of ours
/// had and this one has not goes; what the user wrote stays.
/// </summary>
internal sealed class WorkloadWriter(IKubernetesClient client)
{
    /// <summary>The gate stays and a message says why. A plan is given when what was delivered earlier is to be kept.</summary>
    public Task<JsonObject> HoldAsync(Workload workload, string message, DeliveryPlan? kept, VolumeSet? volumes, CancellationToken cancellationToken) =>
        ApplyAsync(workload, kept, PodTemplateEditor.Patch(workload.Template, kept, volumes, gated: kept is null), message, cancellationToken);

    /// <summary>Puts the plan into the template, then takes the gate off.</summary>
    public async Task<JsonObject> DeliverAsync(Workload workload, DeliveryPlan plan, VolumeSet volumes, CancellationToken cancellationToken)
    {
        JsonObject applied = await ApplyAsync(workload, plan, PodTemplateEditor.Patch(workload.Template, plan, volumes, gated: false), message: null, cancellationToken);
        return await OpenGateAsync(workload with { Document = applied }, cancellationToken);
    }

    /// <summary>Takes plan and gate out of the template: the workload asks for no models any more. The message stays until <see cref="RemoveAsync"/>.</summary>
    public async Task<JsonObject> ReleaseAsync(Workload workload, string message, CancellationToken cancellationToken)
    {
        JsonObject applied = await ApplyAsync(workload, plan: null, template: null, message, cancellationToken);
        return await OpenGateAsync(workload with { Document = applied }, cancellationToken);
    }

    /// <summary>Removes the last of it.</summary>
    public Task RemoveAsync(Workload workload, CancellationToken cancellationToken) => ApplyAsync(workload, plan: null, template: null, message: null, cancellationToken);

    /// <summary>The gate may belong to the user's own manager (the webhook added it to their request), so it is removed by patch when the apply left it.</summary>
    private async Task<JsonObject> OpenGateAsync(Workload workload, CancellationToken cancellationToken) =>
        !SchedulingGate.IsOn(workload.Template)
            ? workload.Document
            : await client.PatchAsync(
                workload.Kind.Type,
                workload.Namespace,
                workload.Name,
                KubernetesPatch.Json,
                SchedulingGate.RemovalPatch(workload.Kind.TemplatePointer, workload.Template),
                null,
                FieldManagers.Delivery,
                cancellationToken);

    private Task<JsonObject> ApplyAsync(Workload workload, DeliveryPlan? plan, JsonObject? template, string? message, CancellationToken cancellationToken)
    {
        var metadata = new JsonObject { ["name"] = workload.Name, ["namespace"] = workload.Namespace, ["uid"] = workload.Uid };
        var annotations = new JsonObject();
        if (plan is not null)
        {
            annotations[Annotations.ResolvedModels] = plan.Encode();
        }

        if (message is not null)
        {
            annotations[Annotations.DeliveryMessage] = message;
        }

        if (annotations.Count > 0)
        {
            metadata["annotations"] = annotations;
        }

        var document = new JsonObject { ["apiVersion"] = workload.Kind.Type.ApiVersion, ["kind"] = workload.Kind.Type.Kind, ["metadata"] = metadata };
        if (template is not null)
        {
            workload.Kind.PutTemplate(document, template);
        }

        return client.PatchAsync(
            workload.Kind.Type, workload.Namespace, workload.Name, KubernetesPatch.Apply, document, null, FieldManagers.Delivery, cancellationToken);
    }
}
