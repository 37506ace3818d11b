using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>
/// The host cluster's objects of one kind, kept current by list and watch, so that no request waits for the host. What is in it is to be treated as
/// immutable. While the host does not answer, the last state known stays.
/// </summary>
internal sealed partial class ClusterCache(
    IKubernetesClient cluster, ResourceType type, string? ns, string? fieldSelector, TimeProvider time, ILogger<ClusterCache> log) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200), LongestPause = TimeSpan.FromSeconds(30);
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, JsonObject> _objects = new(StringComparer.Ordinal);

    /// <summary>Completes when the first list is here.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Called after each change, on the cache's own task.</summary>
    public event Action? Changed;

    /// <summary>The object of that name, or null.</summary>
    public JsonObject? Find(string name) => _objects.GetValueOrDefault(name);

    /// <summary>All objects by name.</summary>
    public IReadOnlyList<JsonObject> All() => [.. _objects.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string? resourceVersion = null;
        TimeSpan pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                resourceVersion ??= await ListAsync(stoppingToken);
                var options = new KubernetesListOptions { FieldSelector = fieldSelector, ResourceVersion = resourceVersion };
                await foreach (KubernetesEvent change in cluster.WatchAsync(type, ns, options, stoppingToken))
                {
                    resourceVersion = (string?)change.Object["metadata"]?["resourceVersion"] ?? resourceVersion;
                    pause = FirstPause;
                    Apply(change);
                }
            }
            catch (KubernetesApiException expired) when (expired.IsExpired)
            {
                resourceVersion = null;
                continue;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException or IOException or System.Text.Json.JsonException)
            {
                Log.Failed(log, type.Plural, cause.Message);
                resourceVersion = null;
            }

            // A server that ends watches at once, or fails, is not hammered.
            await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<string> ListAsync(CancellationToken cancellationToken)
    {
        KubernetesList list = await cluster.ListAsync(type, ns, new KubernetesListOptions { FieldSelector = fieldSelector }, cancellationToken);
        HashSet<string> names = [.. list.Items.Select(NameOf)];
        foreach (JsonObject item in list.Items)
        {
            _objects[NameOf(item)] = item;
        }

        foreach (string gone in _objects.Keys.Where(name => !names.Contains(name)))
        {
            _objects.TryRemove(gone, out _);
        }

        Changed?.Invoke();
        _synced.TrySetResult();
        return list.ResourceVersion;
    }

    private void Apply(KubernetesEvent change)
    {
        switch (change.Type)
        {
            case "ADDED" or "MODIFIED":
                _objects[NameOf(change.Object)] = change.Object;
                break;
            case "DELETED":
                _objects.TryRemove(NameOf(change.Object), out _);
                break;
            default:
                return;
        }

        Changed?.Invoke();
    }

    private static string NameOf(JsonObject obj) => (string?)obj["metadata"]?["name"] ?? "";

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Watching {Resource} of the host cluster failed, the last state known stays: {Reason}")]
        public static partial void Failed(ILogger log, string resource, string reason);
    }
}
