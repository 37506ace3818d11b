using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Uploads;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Cleanup;

/// <summary>
/// The end of a model (requirement A7): work on it stops, its repository is queued for cleanup at the registry, what was made for it goes, and last the
/// finalizer. Each step may be repeated. Bytes that other models use stay: the registry counts.
/// </summary>
internal sealed class ModelCleanup(IKubernetesClient client, RegistryClient registry, ModelGrants grants, IPreparationWorkers workers, UploadAccess access)
{
    /// <summary>Null when the model may go and has been let go; else why not yet, in words.</summary>
    public async Task<string?> RunAsync(ModelObject model, CancellationToken cancellationToken)
    {
        await access.RemoveAsync(model, cancellationToken);
        try
        {
            await workers.StopAsync(model.Uid);
            await DropContentAsync(model, cancellationToken);
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException or TimeoutException or IOException)
        {
            return e.Message;
        }

        await RemoveFinalizerAsync(model, cancellationToken);
        grants.Forget(model);
        return null;
    }

    /// <summary>Queues the model's repository for cleanup. There being none is a success.</summary>
    public async Task DropContentAsync(ModelObject model, CancellationToken cancellationToken)
    {
        grants.Register(model);
        await registry.DeleteRepositoryAsync(model.Repository, cancellationToken);
    }

    /// <summary>
    /// Drops what served the preparation of a model that is Ready: the archive as it was received and the notes of attempts. Garbage collection takes what only
    /// they named.
    /// </summary>
    public async Task DropLeftoversAsync(ModelObject model, CancellationToken cancellationToken)
    {
        grants.Register(model);
        foreach (string tag in (string[])[WellKnownTags.Upload, Checkpoint.Tag, PreparationOutcome.Tag])
        {
            await registry.DeleteManifestAsync(model.Repository, tag, cancellationToken);
        }
    }

    private async Task RemoveFinalizerAsync(ModelObject model, CancellationToken cancellationToken)
    {
        var document = (JsonObject)model.Document.DeepClone();
        var finalizers = (JsonArray)document["metadata"]!["finalizers"]!;
        for (int i = finalizers.Count - 1; i >= 0; i--)
        {
            if ((string?)finalizers[i] == Finalizers.Cleanup)
            {
                finalizers.RemoveAt(i);
            }
        }

        await client.UpdateAsync(model.Key.Type, document, null, cancellationToken);
    }
}
