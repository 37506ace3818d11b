using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>The claim that holds a workload's models: ours, made and grown as needed, or the user's, which is only looked at (requirement D8).</summary>
internal sealed class SharedClaim(IKubernetesClient client, DeliveryOptions options)
{
    public static string NameFor(Workload workload) => $"{VolumeSet.NamePrefix}-{workload.Hash}";

    /// <summary>The claim, or why there is none. It is made large enough for these models and for all that it holds from before.</summary>
    public async Task<(ClaimContent? Claim, DeliveryOutcome.Held? Problem)> EnsureAsync(Workload workload, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken)
    {
        if (workload.UserClaim is { } userClaim)
        {
            return await LookAtUsersAsync(workload, userClaim, cancellationToken);
        }

        string name = NameFor(workload);
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, workload.Namespace, name, cancellationToken);
        return claim is null
            ? await CreateAsync(workload, name, BytesFor(models, null), cancellationToken)
            : await GrowAsync(workload, claim, models, cancellationToken);
    }

    /// <summary>Writes down that the claim holds a model. A user's claim is left as it is.</summary>
    public async Task<ClaimContent> RecordAsync(Workload workload, ClaimContent claim, ModelFact model, CancellationToken cancellationToken)
    {
        if (!claim.IsOurs)
        {
            return claim;
        }

        return await WriteAsync(workload, claim.With(model.Delivered, model.SizeBytes), cancellationToken);
    }

    /// <summary>Writes down what the claim, one of ours, holds by now.</summary>
    public async Task<ClaimContent> WriteAsync(Workload workload, ClaimContent claim, CancellationToken cancellationToken)
    {
        await client.PatchAsync(
            ResourceTypes.PersistentVolumeClaims, workload.Namespace, claim.Name, KubernetesPatch.Merge, claim.Patch(), null, FieldManagers.Delivery, cancellationToken);
        return claim;
    }

    public Task DeleteAsync(Workload workload, CancellationToken cancellationToken) =>
        client.DeleteAsync(ResourceTypes.PersistentVolumeClaims, workload.Namespace, NameFor(workload), uid: null, propagationPolicy: null, cancellationToken);

    private static long BytesFor(IReadOnlyList<ModelFact> models, ClaimContent? claim) => ClaimSize.For(
        models.DistinctBy(model => model.Delivered.Digest).Where(model => claim?.Held.ContainsKey(model.Delivered.Digest) != true).Select(model => model.SizeBytes).Concat(claim?.Sizes ?? []));

    /// <summary>The user's claim is only looked at. Its coming and going is watched.</summary>
    private async Task<(ClaimContent? Claim, DeliveryOutcome.Held? Problem)> LookAtUsersAsync(Workload workload, string name, CancellationToken cancellationToken)
    {
        JsonObject? claim = await client.GetAsync(ResourceTypes.PersistentVolumeClaims, workload.Namespace, name, cancellationToken);
        string asked = $"the claim '{name}' named by {Annotations.ModelCacheClaim}";
        return claim switch
        {
            null => Held(Reasons.ModelCachePvcNotFound, $"{asked} does not exist in namespace {workload.Namespace}", EarlierDelivery.Mounts(workload, name)),
            _ when claim["metadata"]?["deletionTimestamp"] is not null => Held(Reasons.ModelCachePvcNotFound, $"{asked} is being deleted"),
            _ when (string?)claim["metadata"]?["labels"]?[Labels.ManagedBy] == Labels.ManagedByValue => Held(
                Reasons.ModelDeliveryInvalid, $"{asked} was made by this module for another workload and goes with that: name a claim of your own"),
            _ => (ClaimContent.OfUser(claim), null),
        };

        static (ClaimContent?, DeliveryOutcome.Held?) Held(string reason, string message, bool isLost = false) =>
            (null, new DeliveryOutcome.Held(reason, message, IsWarning: true) { IsLost = isLost });
    }

    private async Task<(ClaimContent? Claim, DeliveryOutcome.Held? Problem)> CreateAsync(Workload workload, string name, long bytes, CancellationToken cancellationToken)
    {
        KubernetesList classes = await client.ListAsync(ResourceTypes.StorageClasses, null, null, cancellationToken);
        StorageClassChoice choice = StorageClassChoice.Choose(options.StorageClasses, classes.Items);
        if (choice.Name is null)
        {
            return (null, new DeliveryOutcome.Held(Reasons.ModelDeliveryInvalid, choice.Problem!, IsWarning: true, LookAgain: TimeSpan.FromSeconds(30)));
        }

        JsonObject created = await client.CreateAsync(ResourceTypes.PersistentVolumeClaims, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "PersistentVolumeClaim",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = workload.Namespace,
                ["labels"] = workload.Labels(),
                ["ownerReferences"] = workload.OwnerReferences(),
            },
            ["spec"] = new JsonObject
            {
                ["accessModes"] = new JsonArray("ReadWriteMany"),
                ["storageClassName"] = choice.Name,
                ["resources"] = Requests(bytes),
            },
        }, FieldManagers.Delivery, cancellationToken);
        return (ClaimContent.Of(created), null);
    }

    private async Task<(ClaimContent? Claim, DeliveryOutcome.Held? Problem)> GrowAsync(
        Workload workload, JsonObject claim, IReadOnlyList<ModelFact> models, CancellationToken cancellationToken)
    {
        ClaimContent content = ClaimContent.Of(claim);
        string name = content.Name;
        long bytes = BytesFor(models, content);
        long? requested = ClaimSize.Parse((string?)claim["spec"]?["resources"]?["requests"]?["storage"]);
        if (claim["metadata"]?["deletionTimestamp"] is not null)
        {
            return (null, new DeliveryOutcome.Held(Reasons.ModelNotReady, $"the claim '{name}' of an earlier delivery is still being deleted", IsWarning: false, TimeSpan.FromSeconds(5)));
        }

        if (requested >= bytes)
        {
            return (content, null);
        }

        try
        {
            var patch = new JsonObject { ["spec"] = new JsonObject { ["resources"] = Requests(bytes) } };
            await client.PatchAsync(
                ResourceTypes.PersistentVolumeClaims, workload.Namespace, name, KubernetesPatch.Merge, patch, null, FieldManagers.Delivery, cancellationToken);
            return (content, null);
        }
        catch (KubernetesApiException e) when (e.StatusCode is 403 or 422)
        {
            string message = $"the claim '{name}' has {ClaimSize.Format(requested ?? 0)}, the models need {ClaimSize.Format(bytes)}, and it cannot grow: {e.Message}";
            return (null, new DeliveryOutcome.Held(Reasons.InsufficientStorage, message, IsWarning: true, TimeSpan.FromMinutes(1)));
        }
    }

    private static JsonObject Requests(long bytes) => new() { ["requests"] = new JsonObject { ["storage"] = ClaimSize.Format(bytes) } };
}
