using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;

namespace AiModels.EtcdStore;

/// <summary>etcd's events as the store's.</summary>
internal static class EtcdEvents
{
    /// <summary>
    /// The change, or null when the value before it is gone: it was compacted while the watch was behind, so that the change can no longer be told whole.
    /// </summary>
    public static HubEvent? Read(Event change, EtcdKeys keys)
    {
        KeyValue now = change.Kv;
        string path = keys.PathOf(now.Key);
        var key = ObjectKey.Parse(path);
        if (change.Type == Event.Types.EventType.Delete)
        {
            return change.PrevKv is { } last
                ? new HubEvent(path, new StoreEvent(StoreEventType.Deleted, new StoredObject(key, now.ModRevision, last.Value.Memory), null))
                : null;
        }

        var stored = new StoredObject(key, now.ModRevision, now.Value.Memory);
        if (now.Version == 1)
        {
            return new HubEvent(path, new StoreEvent(StoreEventType.Created, stored, null));
        }

        return change.PrevKv is { } before ? new HubEvent(path, new StoreEvent(StoreEventType.Updated, stored, before.Value.Memory)) : null;
    }
}
