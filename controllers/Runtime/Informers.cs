using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// The informers of the process. Asking twice for the same kind, namespace, filter and type gives the same informer, so that each kind is watched once.
/// Informers start with the host; one that is asked for later starts at once.
/// </summary>
internal sealed class Informers(IKubernetesClient client, TimeProvider time, Random random, ILoggerFactory loggers) : IHostedService, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(ResourceType Type, string? Namespace, KubernetesListOptions? Filter, Type Decoded), IInformer> _informers = [];
    private readonly List<Task> _running = [];
    private readonly CancellationTokenSource _stop = new();
    private bool _isStarted;

    /// <summary>The informer of a kind. <paramref name="decode"/> must give a value that nobody changes.</summary>
    public Informer<T> Get<T>(ResourceType type, Func<JsonObject, T> decode, string? ns = null, KubernetesListOptions? filter = null)
        where T : class
    {
        lock (_lock)
        {
            if (_informers.TryGetValue((type, ns, filter, typeof(T)), out IInformer? known))
            {
                return (Informer<T>)known;
            }

            var informer = new Informer<T>(client, type, ns, filter, decode, time, random, loggers.CreateLogger("AiModels.Controllers.Informer"));
            _informers[(type, ns, filter, typeof(T))] = informer;
            if (_isStarted)
            {
                _running.Add(informer.RunAsync(_stop.Token));
            }

            return informer;
        }
    }

    /// <summary>Completes when every informer that was asked for so far has its first list.</summary>
    public Task WhenSyncedAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return Task.WhenAll(_informers.Values.Select(informer => informer.Synced)).WaitAsync(cancellationToken);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _isStarted = true;
            _running.AddRange(_informers.Values.Select(informer => informer.RunAsync(_stop.Token)));
        }

        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stop.Dispose();
}
