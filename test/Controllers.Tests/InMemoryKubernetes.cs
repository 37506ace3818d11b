using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Tests;

/// <summary>
/// A Kubernetes API in memory for controller tests: optimistic concurrency, finalizers, generation, /status, watches with history.
/// Knows no schema. Custom subresources are answered by <see cref="Subresources"/>; <see cref="Fault"/> makes calls fail.
/// </summary>
internal sealed class InMemoryKubernetes : IKubernetesClient
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Plural, string? Namespace, string Name), JsonObject> _objects = [];
    private readonly List<(long Revision, ResourceType Type, KubernetesEvent Event)> _history = [];
    private readonly List<Channel<bool>> _watchers = [];
    private long _revision = 10;
    private long _oldest;

    /// <summary>Every write, as "verb plural/namespace/name[/subresource]", in order.</summary>
    public List<string> Writes { get; } = [];

    /// <summary>Called before each call with the same words as <see cref="Writes"/>; what it returns is thrown.</summary>
    public Func<string, Exception?>? Fault { get; set; }

    /// <summary>Answers POST, GET and PUT of custom subresources: (method, plural, name, subresource, body) to answer.</summary>
    public Func<HttpMethod, ResourceType, NamespacedKey, string, JsonObject?, JsonObject>? Subresources { get; set; }

    /// <summary>Answers requests of other paths; null is 404.</summary>
    public Func<HttpMethod, string, JsonObject?>? Raw { get; set; }

    public JsonObject? Find(ResourceType type, string? ns, string name)
    {
        lock (_lock)
        {
            return (JsonObject?)_objects.GetValueOrDefault((type.Plural, ns, name))?.DeepClone();
        }
    }

    public IReadOnlyList<JsonObject> All(ResourceType type)
    {
        lock (_lock)
        {
            return [.. _objects.Where(entry => entry.Key.Plural == type.Plural).Select(entry => (JsonObject)entry.Value.DeepClone())];
        }
    }

    /// <summary>Forgets the history: watchers from before get 410.</summary>
    public void Compact()
    {
        lock (_lock)
        {
            _oldest = _revision;
            _history.Clear();
        }
    }

    public Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken)
    {
        Check($"get {Path(type, ns, name)}");
        return Task.FromResult(Find(type, ns, name));
    }

    public Task<KubernetesList> ListAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken)
    {
        Check($"list {type.Plural}");
        lock (_lock)
        {
            List<JsonObject> items = [.. _objects
                .Where(entry => entry.Key.Plural == type.Plural && (ns is null || entry.Key.Namespace == ns) && Matches(entry.Value, options?.LabelSelector))
                .Select(entry => (JsonObject)entry.Value.DeepClone())];
            return Task.FromResult(new KubernetesList(_revision.ToString(CultureInfo.InvariantCulture), items));
        }
    }

    public async IAsyncEnumerable<KubernetesEvent> WatchAsync(
        ResourceType type, string? ns, KubernetesListOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Check($"watch {type.Plural}");
        long after = long.Parse(options?.ResourceVersion ?? "0", CultureInfo.InvariantCulture);
        var wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        lock (_lock)
        {
            _watchers.Add(wake);
        }

        while (true)
        {
            List<(long, ResourceType, KubernetesEvent)> news;
            lock (_lock)
            {
                if (after < _oldest)
                {
                    throw new KubernetesApiException(410, "Expired", "too old resource version");
                }

                news = [.. _history.Where(entry => entry.Revision > after)];
            }

            foreach ((long revision, ResourceType changed, KubernetesEvent change) in news)
            {
                after = revision;
                if (changed.Plural == type.Plural && (ns is null || (string?)change.Object["metadata"]?["namespace"] == ns) && Matches(change.Object, options?.LabelSelector))
                {
                    yield return change with { Object = (JsonObject)change.Object.DeepClone() };
                }
            }

            await wake.Reader.ReadAsync(cancellationToken);
        }
    }

    public Task<JsonObject> CreateAsync(ResourceType type, JsonObject body, string? fieldManager, CancellationToken cancellationToken)
    {
        string name = (string)body["metadata"]!["name"]!;
        string? ns = (string?)body["metadata"]!["namespace"];
        Record($"create {Path(type, ns, name)}");
        lock (_lock)
        {
            if (_objects.ContainsKey((type.Plural, ns, name)))
            {
                throw new KubernetesApiException(409, "AlreadyExists", $"{type.Plural} \"{name}\" already exists");
            }

            var created = (JsonObject)body.DeepClone();
            created["metadata"]!["uid"] ??= $"uid-{_revision}";
            created["metadata"]!["generation"] ??= 1;
            Store(type, ns, name, created, "ADDED");
            return Task.FromResult((JsonObject)created.DeepClone());
        }
    }

    public Task<JsonObject> UpdateAsync(ResourceType type, JsonObject body, string? subresource, CancellationToken cancellationToken)
    {
        string name = (string)body["metadata"]!["name"]!;
        string? ns = (string?)body["metadata"]!["namespace"];
        Record($"update {Path(type, ns, name)}{(subresource is null ? "" : "/" + subresource)}");
        lock (_lock)
        {
            JsonObject old = Existing(type, ns, name);
            string? expected = (string?)body["metadata"]!["resourceVersion"];
            if (expected is not null && expected != (string?)old["metadata"]!["resourceVersion"])
            {
                throw new KubernetesApiException(409, "Conflict", "the object has been modified");
            }

            return Task.FromResult(Replace(type, ns, name, old, (JsonObject)body.DeepClone(), subresource));
        }
    }

    public Task<JsonObject> PatchAsync(
        ResourceType type, string? ns, string name, KubernetesPatch patch, JsonNode body, string? subresource, string? fieldManager, CancellationToken cancellationToken)
    {
        Record($"patch {Path(type, ns, name)}{(subresource is null ? "" : "/" + subresource)}");
        lock (_lock)
        {
            if (patch == KubernetesPatch.Apply && !_objects.ContainsKey((type.Plural, ns, name)))
            {
                return CreateUnrecorded(type, ns, name, (JsonObject)body.DeepClone());
            }

            JsonObject old = Existing(type, ns, name);
            var changed = (JsonObject)old.DeepClone();
            if (patch == KubernetesPatch.Json)
            {
                ApplyOperations(changed, (JsonArray)body);
                return Task.FromResult(Replace(type, ns, name, old, changed, subresource));
            }

            string? expected = (string?)body["metadata"]?["resourceVersion"];
            if (expected is not null && expected != (string?)old["metadata"]!["resourceVersion"])
            {
                throw new KubernetesApiException(409, "Conflict", "the object has been modified");
            }

            if ((string?)body["metadata"]?["uid"] is { } uid && uid != (string?)old["metadata"]!["uid"])
            {
                throw new KubernetesApiException(409, "Conflict", $"Precondition failed: UID in precondition: {uid}, UID in object meta: {old["metadata"]!["uid"]}");
            }

            Merge(changed, (JsonObject)body.DeepClone());
            return Task.FromResult(Replace(type, ns, name, old, changed, subresource));
        }
    }

    public Task DeleteAsync(ResourceType type, string? ns, string name, string? uid, string? propagationPolicy, CancellationToken cancellationToken)
    {
        Record($"delete {Path(type, ns, name)}");
        lock (_lock)
        {
            if (!_objects.TryGetValue((type.Plural, ns, name), out JsonObject? old) || (uid is not null && (string?)old["metadata"]!["uid"] != uid))
            {
                return Task.CompletedTask;
            }

            if (old["metadata"]!["finalizers"] is JsonArray { Count: > 0 })
            {
                var marked = (JsonObject)old.DeepClone();
                marked["metadata"]!["deletionTimestamp"] ??= "2026-01-01T00:00:00Z";
                Store(type, ns, name, marked, "MODIFIED");
            }
            else
            {
                Drop(type, ns, name, old);
            }
        }

        return Task.CompletedTask;
    }

    public Task<JsonObject> SubresourceAsync(
        HttpMethod method, ResourceType type, string? ns, string name, string subresource, JsonObject? body, CancellationToken cancellationToken)
    {
        Record($"{method.Method.ToLowerInvariant()} {Path(type, ns, name)}/{subresource}");
        return Task.FromResult(Subresources?.Invoke(method, type, new NamespacedKey(ns, name), subresource, body)
            ?? throw new KubernetesApiException(404, "NotFound", $"no subresource {subresource}"));
    }

    public Task<JsonObject> RawAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken) =>
        Task.FromResult(Raw?.Invoke(method, path) ?? throw new KubernetesApiException(404, "NotFound", path));

    private static string Path(ResourceType type, string? ns, string name) => $"{type.Plural}/{(ns is null ? "" : ns + "/")}{name}";

    private static bool Matches(JsonObject obj, string? labelSelector) =>
        labelSelector is null || labelSelector.Split(',').All(term =>
            term.Split('=') is [string key, string value] ? (string?)obj["metadata"]?["labels"]?[key] == value : obj["metadata"]?["labels"]?[term] is not null);

    /// <summary>RFC 6902: test, replace and remove, which is what is used.</summary>
    private static void ApplyOperations(JsonObject target, JsonArray operations)
    {
        foreach (JsonNode? operation in operations)
        {
            string[] path = [.. ((string)operation!["path"]!).Split('/').Skip(1).Select(part => part.Replace("~1", "/", StringComparison.Ordinal))];
            JsonNode? parent = path[..^1].Aggregate((JsonNode?)target, Member);
            string verb = (string)operation["op"]!;
            if (parent is null || (verb == "test" && !JsonNode.DeepEquals(Member(parent, path[^1]), operation["value"])))
            {
                throw new KubernetesApiException(422, "Invalid", $"testing value {operation["path"]} failed: test failed");
            }

            if (verb == "replace")
            {
                parent[path[^1]] = operation["value"]?.DeepClone();
            }
            else if (verb == "remove" && parent is JsonArray list)
            {
                list.RemoveAt(int.Parse(path[^1], CultureInfo.InvariantCulture));
            }
            else if (verb == "remove")
            {
                ((JsonObject)parent).Remove(path[^1]);
            }
        }
    }

    private static JsonNode? Member(JsonNode? node, string name) => node is JsonArray list ? list[int.Parse(name, CultureInfo.InvariantCulture)] : node?[name];

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach ((string key, JsonNode? value) in patch.ToArray())
        {
            patch.Remove(key);
            if (value is null)
            {
                target.Remove(key);
            }
            else if (value is JsonObject inner && target[key] is JsonObject existing)
            {
                Merge(existing, inner);
            }
            else
            {
                target[key] = value;
            }
        }
    }

    private Task<JsonObject> CreateUnrecorded(ResourceType type, string? ns, string name, JsonObject created)
    {
        created["metadata"]!["uid"] ??= $"uid-{_revision}";
        created["metadata"]!["generation"] ??= 1;
        Store(type, ns, name, created, "ADDED");
        return Task.FromResult((JsonObject)created.DeepClone());
    }

    private JsonObject Replace(ResourceType type, string? ns, string name, JsonObject old, JsonObject changed, string? subresource)
    {
        JsonObject next;
        if (subresource == "status")
        {
            next = (JsonObject)old.DeepClone();
            next["status"] = changed["status"]?.DeepClone();
        }
        else
        {
            next = changed;
            next["metadata"]!["uid"] = (string?)old["metadata"]!["uid"];
            if (type.Group == "ai.deckhouse.io")
            {
                // The status belongs to /status only.
                next["status"] = old["status"]?.DeepClone();
            }
        }

        next["metadata"]!["resourceVersion"] = (string?)old["metadata"]!["resourceVersion"];
        if (JsonNode.DeepEquals(next, old))
        {
            return (JsonObject)old.DeepClone();
        }

        if (next["metadata"]!["deletionTimestamp"] is not null && next["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
        {
            Drop(type, ns, name, next);
        }
        else
        {
            Store(type, ns, name, next, "MODIFIED");
        }

        return (JsonObject)next.DeepClone();
    }

    private JsonObject Existing(ResourceType type, string? ns, string name) =>
        _objects.GetValueOrDefault((type.Plural, ns, name)) ?? throw new KubernetesApiException(404, "NotFound", $"{type.Plural} \"{name}\" not found");

    private void Store(ResourceType type, string? ns, string name, JsonObject obj, string change)
    {
        obj["metadata"]!["resourceVersion"] = (++_revision).ToString(CultureInfo.InvariantCulture);
        _objects[(type.Plural, ns, name)] = obj;
        Publish(type, new KubernetesEvent(change, (JsonObject)obj.DeepClone()));
    }

    private void Drop(ResourceType type, string? ns, string name, JsonObject obj)
    {
        _objects.Remove((type.Plural, ns, name));
        obj["metadata"]!["resourceVersion"] = (++_revision).ToString(CultureInfo.InvariantCulture);
        Publish(type, new KubernetesEvent("DELETED", (JsonObject)obj.DeepClone()));
    }

    private void Publish(ResourceType type, KubernetesEvent change)
    {
        _history.Add((_revision, type, change));
        foreach (Channel<bool> watcher in _watchers)
        {
            watcher.Writer.TryWrite(true);
        }
    }

    private void Record(string what)
    {
        Check(what);
        lock (_lock)
        {
            Writes.Add(what);
        }
    }

    private void Check(string what)
    {
        if (Fault?.Invoke(what) is { } fault)
        {
            throw fault;
        }
    }
}

/// <summary>Namespace and name as a subresource call gave them.</summary>
internal readonly record struct NamespacedKey(string? Namespace, string Name);
