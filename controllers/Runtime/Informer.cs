using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>Starts and ends with the process that owns it, whatever it caches.</summary>
internal interface IInformer
{
    /// <summary>Completes when the first list is in the cache.</summary>
    Task Synced { get; }

    /// <summary>Lists and watches until cancelled. Failures of the API are logged and retried with growing delays.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>
/// A cache of all objects of one kind (in one namespace or in all), kept current by list and watch. Readers never wait and never see an object change
/// under their hands: <typeparamref name="T"/> is what <c>decode</c> makes of a document, and is to be treated as immutable.
/// After 410 (history too old) it lists again and reports what changed meanwhile, disappearances included.
/// </summary>
internal sealed partial class Informer<T>(
    IKubernetesClient client, ResourceType type, string? ns, KubernetesListOptions? filter, Func<JsonObject, T> decode, TimeProvider time, Random random, ILogger logger)
    : IInformer
    where T : class
{
    // The delay after failures of list or watch: quick at first because a restarting API server is back within seconds.
    private readonly Backoff<string> _backoff = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(30), random);
    private readonly Lock _lock = new();
    private readonly Dictionary<NamespacedName, T> _objects = [];
    private readonly Dictionary<string, Index> _indexes = [];
    private readonly List<Action<InformerChange<T>>> _handlers = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Synced => _synced.Task;

    /// <summary>The object, or null.</summary>
    public T? Get(NamespacedName key)
    {
        lock (_lock)
        {
            return _objects.GetValueOrDefault(key);
        }
    }

    /// <summary>All objects, in no order.</summary>
    public IReadOnlyList<T> List()
    {
        lock (_lock)
        {
            return [.. _objects.Values];
        }
    }

    /// <summary>Keeps an index by the values that a function finds in an object. To be called before the informer runs.</summary>
    public void AddIndex(string name, Func<T, IEnumerable<string>> values)
    {
        lock (_lock)
        {
            _indexes[name] = new Index(values);
        }
    }

    /// <summary>The objects that have the value in an index.</summary>
    public IReadOnlyList<T> ByIndex(string name, string value)
    {
        lock (_lock)
        {
            return [.. _indexes[name].Keys(value).Select(key => _objects[key])];
        }
    }

    /// <summary>
    /// Calls the handler for each change, one at a time and in order, on the informer's own task: it must be quick (put a key into a queue).
    /// A handler added later is told of everything that is there as an appearance.
    /// </summary>
    public void Subscribe(Action<InformerChange<T>> handler)
    {
        lock (_lock)
        {
            foreach ((NamespacedName key, T value) in _objects)
            {
                handler(new InformerChange<T>(key, null, value));
            }

            _handlers.Add(handler);
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        string? resourceVersion = null;
        while (true)
        {
            try
            {
                resourceVersion ??= await ListAsync(cancellationToken);
                await foreach (KubernetesEvent change in client.WatchAsync(type, ns, Options(resourceVersion), cancellationToken))
                {
                    Apply(change);
                    resourceVersion = (string?)change.Object["metadata"]?["resourceVersion"] ?? resourceVersion;
                    _backoff.Forget("watch");
                }

                // The server ends every watch after a while. A short pause keeps a server that ends them at once from being hammered.
                await Task.Delay(_backoff.Next("watch"), time, cancellationToken);
            }
            catch (KubernetesApiException e) when (e.IsExpired)
            {
                Log.HistoryExpired(logger, type.Plural);
                resourceVersion = null;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (e is KubernetesApiException)
                {
                    Log.Refused(logger, type.Plural, e.Message);
                }
                else
                {
                    Log.WatchFailed(logger, type.Plural, e);
                }

                await Task.Delay(_backoff.Next("failure"), time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private KubernetesListOptions Options(string? resourceVersion) => (filter ?? new KubernetesListOptions()) with { ResourceVersion = resourceVersion };

    private async Task<string> ListAsync(CancellationToken cancellationToken)
    {
        KubernetesList list = await client.ListAsync(type, ns, filter, cancellationToken);
        var listed = new HashSet<NamespacedName>();
        foreach (JsonObject item in list.Items)
        {
            listed.Add(NamespacedName.Of(item));
            Set(item);
        }

        foreach (NamespacedName key in KeysExcept(listed))
        {
            Remove(key);
        }

        _backoff.Forget("failure");
        _synced.TrySetResult();
        return list.ResourceVersion;
    }

    private void Apply(KubernetesEvent change)
    {
        switch (change.Type)
        {
            case "ADDED" or "MODIFIED":
                Set(change.Object);
                break;
            case "DELETED":
                Remove(NamespacedName.Of(change.Object));
                break;
        }
    }

    private void Set(JsonObject document)
    {
        NamespacedName key = NamespacedName.Of(document);
        T value;
        try
        {
            value = decode(document);
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or FormatException or InvalidOperationException)
        {
            // One object that cannot be read must not keep the others out of the cache.
            Log.Undecodable(logger, type.Plural, key, e);
            Remove(key);
            return;
        }

        lock (_lock)
        {
            T? old = _objects.GetValueOrDefault(key);
            _objects[key] = value;
            foreach (Index index in _indexes.Values)
            {
                index.Set(key, old, value);
            }

            Notify(new InformerChange<T>(key, old, value));
        }
    }

    private void Remove(NamespacedName key)
    {
        lock (_lock)
        {
            if (!_objects.Remove(key, out T? old))
            {
                return;
            }

            foreach (Index index in _indexes.Values)
            {
                index.Set(key, old, null);
            }

            Notify(new InformerChange<T>(key, old, null));
        }
    }

    private List<NamespacedName> KeysExcept(HashSet<NamespacedName> listed)
    {
        lock (_lock)
        {
            return [.. _objects.Keys.Where(key => !listed.Contains(key))];
        }
    }

    private void Notify(InformerChange<T> change)
    {
        foreach (Action<InformerChange<T>> handler in _handlers)
        {
            handler(change);
        }
    }

    private sealed class Index(Func<T, IEnumerable<string>> values)
    {
        private readonly Dictionary<string, HashSet<NamespacedName>> _keys = [];

        public IEnumerable<NamespacedName> Keys(string value) => _keys.TryGetValue(value, out HashSet<NamespacedName>? keys) ? keys : [];

        public void Set(NamespacedName key, T? old, T? current)
        {
            foreach (string value in old is null ? [] : values(old))
            {
                if (_keys.TryGetValue(value, out HashSet<NamespacedName>? keys) && keys.Remove(key) && keys.Count == 0)
                {
                    _keys.Remove(value);
                }
            }

            foreach (string value in current is null ? [] : values(current))
            {
                if (!_keys.TryGetValue(value, out HashSet<NamespacedName>? keys))
                {
                    _keys[value] = keys = [];
                }

                keys.Add(key);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "History of {Resource} is too old to go on watching; listing again")]
        public static partial void HistoryExpired(ILogger logger, string resource);

        [LoggerMessage(2, LogLevel.Warning, "Listing or watching {Resource} failed; trying again")]
        public static partial void WatchFailed(ILogger logger, string resource, Exception exception);

        // The API's words say it all; where we were when it said them helps nobody.
        [LoggerMessage(4, LogLevel.Warning, "Listing or watching {Resource} failed; trying again: {Reason}")]
        public static partial void Refused(ILogger logger, string resource, string reason);

        [LoggerMessage(3, LogLevel.Warning, "{Resource} {Key} cannot be read and is left out")]
        public static partial void Undecodable(ILogger logger, string resource, NamespacedName key, Exception exception);
    }
}
