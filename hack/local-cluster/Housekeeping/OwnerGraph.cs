using System.Text.Json;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Housekeeping;

/// <summary>Who owns whom among the objects of the host. Fed by the store's one ordered stream of changes, so that an owner is always known before its dependents.</summary>
internal sealed class OwnerGraph
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, OwnedObject> _objects = [];
    private readonly Dictionary<string, ObjectKey> _byUid = [];
    private readonly Dictionary<string, HashSet<ObjectKey>> _dependents = [];

    public OwnedObject? Get(ObjectKey key)
    {
        lock (_lock) return _objects.GetValueOrDefault(key);
    }

    public OwnedObject? GetByUid(string uid)
    {
        lock (_lock) return _byUid.TryGetValue(uid, out ObjectKey key) ? _objects[key] : null;
    }

    public IReadOnlyList<OwnedObject> DependentsOf(string uid)
    {
        lock (_lock) return _dependents.TryGetValue(uid, out HashSet<ObjectKey>? keys) ? [.. keys.Select(k => _objects[k])] : [];
    }

    public IReadOnlyList<OwnedObject> InNamespace(string name)
    {
        lock (_lock) return [.. _objects.Values.Where(o => o.Key.Namespace == name)];
    }

    public IReadOnlyList<OwnedObject> Of(string resource)
    {
        lock (_lock) return [.. _objects.Values.Where(o => o.Key.Resource == resource)];
    }

    /// <summary>Takes the state of an object; null value means it is gone. Returns what was known before.</summary>
    public OwnedObject? Set(ObjectKey key, ReadOnlyMemory<byte>? value)
    {
        OwnedObject? next = value is { } bytes ? OwnedObject.Read(key, bytes) : null;
        lock (_lock)
        {
            OwnedObject? old = _objects.GetValueOrDefault(key);
            if (old != null) Remove(old);
            if (next != null) Add(next);
            return old;
        }
    }

    private void Add(OwnedObject obj)
    {
        _objects[obj.Key] = obj;
        _byUid[obj.Uid] = obj.Key;
        foreach (OwnerReference owner in obj.Owners)
        {
            if (!_dependents.TryGetValue(owner.Uid, out HashSet<ObjectKey>? keys)) _dependents[owner.Uid] = keys = [];
            keys.Add(obj.Key);
        }
    }

    private void Remove(OwnedObject obj)
    {
        _objects.Remove(obj.Key);
        _byUid.Remove(obj.Uid);
        foreach (OwnerReference owner in obj.Owners)
            if (_dependents.TryGetValue(owner.Uid, out HashSet<ObjectKey>? keys) && keys.Remove(obj.Key) && keys.Count == 0) _dependents.Remove(owner.Uid);
    }
}

/// <summary>What garbage collection must know of an object.</summary>
internal sealed record OwnedObject(
    ObjectKey Key, string ApiVersion, string Kind, string Uid, bool IsDeleting, IReadOnlyList<string> Finalizers, IReadOnlyList<OwnerReference> Owners)
{
    /// <summary>Reads a stored document without making a tree of it first: there may be many.</summary>
    public static OwnedObject Read(ObjectKey key, ReadOnlyMemory<byte> value)
    {
        using JsonDocument document = JsonDocument.Parse(value);
        JsonElement root = document.RootElement, metadata = root.GetProperty("metadata");
        return new OwnedObject(
            key, Text(root, "apiVersion"), Text(root, "kind"), Text(metadata, "uid"), metadata.TryGetProperty("deletionTimestamp", out _),
            metadata.TryGetProperty("finalizers", out JsonElement finalizers) ? [.. finalizers.EnumerateArray().Select(f => f.GetString()!)] : [],
            metadata.TryGetProperty("ownerReferences", out JsonElement owners)
                ? [.. owners.EnumerateArray().Select(o => new OwnerReference(Text(o, "apiVersion"), Text(o, "kind"), Text(o, "name"), Text(o, "uid")))]
                : []);
    }

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}

internal sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid);
