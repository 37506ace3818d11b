using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.NodeCache.Storage;

/// <summary>
/// Storage that SDS manages: an LVMVolumeGroupSet takes the free disks of the cache's nodes, a LocalStorageClass gives claims out of them. Both are other modules' APIs,
/// which a cluster may lack, and whose controllers say no in their own words.
/// </summary>
internal sealed class SdsStorage(IKubernetesClient client, Informers informers, NodeCacheStorageOptions options) : INodeCacheStorage
{
    private const string GroupPath = "/apis/storage.deckhouse.io/v1alpha1";
    private static readonly ResourceType[] Needed = [ResourceTypes.LvmVolumeGroupSets, ResourceTypes.LocalStorageClasses];

    private Action? _changed;
    private bool _isFollowed;

    public async Task<StorageState> EnsureAsync(CancellationToken cancellationToken)
    {
        if (await MissingApisAsync(cancellationToken) is { Length: > 0 } missing)
        {
            return StorageState.Missing(
                $"this cluster does not serve {string.Join(" and ", missing)}: enable the modules sds-node-configurator and sds-local-volume, "
                + $"or set --node-cache-storage to {NodeCacheStorageOptions.StorageClass} or {NodeCacheStorageOptions.HostPath}");
        }

        Follow();
        try
        {
            return await EnsureObjectsAsync(cancellationToken);
        }
        catch (KubernetesApiException e) when (e.StatusCode is 400 or 403 or 409 or 422)
        {
            return StorageState.Missing($"SDS refuses: {e.Message}");
        }
    }

    public void Subscribe(Action changed) => _changed += changed;

    private async Task<StorageState> EnsureObjectsAsync(CancellationToken cancellationToken)
    {
        JsonObject set = await ApplyAsync(ResourceTypes.LvmVolumeGroupSets, SdsObjects.VolumeGroupSet(options.BlockDeviceSelector), cancellationToken);
        IReadOnlyDictionary<string, string> groups = SdsObjects.GroupsOf(set);
        string? shortfall = Trouble(set);
        if (groups.Count == 0)
        {
            return StorageState.Missing(shortfall
                ?? $"LVMVolumeGroupSet {SdsObjects.Name} has made no volume group: label nodes {Labels.NodeCache}=true, and see that they have a BlockDevice that is consumable and selected");
        }

        JsonObject storageClass = await ApplyAsync(ResourceTypes.LocalStorageClasses, SdsObjects.LocalStorageClass(groups.Values), cancellationToken);
        return Trouble(storageClass) is { } trouble
            ? StorageState.Missing(trouble)
            : new StorageState(SdsObjects.Name, groups.Keys.ToHashSet(), shortfall);
    }

    /// <summary>Null when its controller is content.</summary>
    private static string? Trouble(JsonObject obj)
    {
        string? phase = (string?)obj["status"]?["phase"];
        string name = $"{(string?)obj["kind"]} {SdsObjects.Name}";
        return phase == "Created" ? null
            : string.IsNullOrEmpty(phase) ? $"{name} has no status yet: its module's controller has not looked at it"
            : $"{name} is {phase}{((string?)obj["status"]?["reason"] is { Length: > 0 } reason ? $": {reason}" : "")}";
    }

    /// <summary>The object as it is, written first when it is not what we ask for.</summary>
    private async Task<JsonObject> ApplyAsync(ResourceType type, JsonObject wanted, CancellationToken cancellationToken)
    {
        JsonObject? found = await client.GetAsync(type, null, SdsObjects.Name, cancellationToken);
        JsonObject obj = found is not null && SdsObjects.Covers(found["spec"], wanted["spec"])
            ? found
            : await client.PatchAsync(type, null, SdsObjects.Name, KubernetesPatch.Apply, wanted, null, FieldManagers.Delivery, cancellationToken);
        obj["kind"] ??= type.Kind;
        return obj;
    }

    private async Task<string[]> MissingApisAsync(CancellationToken cancellationToken)
    {
        JsonArray? served = null;
        try
        {
            served = (await client.RawAsync(HttpMethod.Get, GroupPath, null, cancellationToken))["resources"] as JsonArray;
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            // The group is not there at all.
        }

        var names = (served ?? []).Select(resource => (string?)resource?["name"]).ToHashSet();
        return [.. Needed.Where(type => !names.Contains(type.Plural)).Select(type => $"{type.Plural}.{type.Group}")];
    }

    /// <summary>Watches begin when there is something to watch: a watch of an API that is not there would only fill the log.</summary>
    private void Follow()
    {
        if (!_isFollowed)
        {
            _isFollowed = true;
            foreach (ResourceType type in Needed)
            {
                informers.Get(type, document => document).Subscribe(_ => _changed?.Invoke());
            }
        }
    }
}
