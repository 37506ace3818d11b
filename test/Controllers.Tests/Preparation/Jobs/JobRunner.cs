using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.Controllers.Tests.Preparation.Jobs;

/// <summary>
/// Runs the Pods of preparation Jobs: mounts the Secret as files, runs <c>controllers prepare</c> with the Job's own arguments, replaces a Pod that dies, and ends
/// and collects the Pods of a Job that is deleted.
/// </summary>
internal sealed class JobRunner : IAsyncDisposable
{
    private readonly InMemoryKubernetes _kubernetes;
    private readonly Action<IServiceCollection>? _services;
    private readonly CancellationTokenSource _stop = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("aimodels-jobs-").FullName;
    private readonly List<Task> _jobs = [];
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _deleted = [];
    private readonly Task _watching;
    private CancellationTokenSource _pod = new();

    /// <param name="services">Parts that take the place of the program's own.</param>
    public JobRunner(InMemoryKubernetes kubernetes, Action<IServiceCollection>? services = null)
    {
        (_kubernetes, _services) = (kubernetes, services);
        _watching = WatchAsync();
    }

    /// <summary>What programs broke with. A program that only fails says so by its exit code.</summary>
    public ConcurrentQueue<Exception> Broken { get; } = [];

    /// <summary>Pods that ran, over all Jobs.</summary>
    public int Pods { get; private set; }

    /// <summary>Kills the Pod that runs now.</summary>
    public void Kill()
    {
        CancellationTokenSource pod = Interlocked.Exchange(ref _pod, new CancellationTokenSource());
        pod.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(_jobs).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Directory.Delete(_folder, recursive: true);
    }

    private async Task WatchAsync()
    {
        await foreach (KubernetesEvent change in _kubernetes.WatchAsync(ResourceTypes.Jobs, null, null, _stop.Token))
        {
            string uid = (string)change.Object["metadata"]!["uid"]!;
            if (change.Type == "ADDED" && change.Object["status"] is null)
            {
                CancellationTokenSource deleted = _deleted[uid] = new CancellationTokenSource();
                _jobs.Add(Task.Run(() => RunAsync(change.Object, deleted.Token), _stop.Token));
            }
            else if (change.Type == "DELETED" && _deleted.TryRemove(uid, out CancellationTokenSource? running))
            {
                await running.CancelAsync();
            }
        }
    }

    private async Task RunAsync(JsonObject job, CancellationToken deleted)
    {
        string name = (string)job["metadata"]!["name"]!;
        for (int failed = 0; Exists(job); failed++)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_pod.Token, _stop.Token, deleted);
            Pods++;
            int exit;
            string pod = $"{name}-{failed}";
            await _kubernetes.CreateAsync(ResourceTypes.Pods, Pod(job, pod), null, CancellationToken.None);
            try
            {
                exit = Mount(name) is { } folder ? await PrepareCommand.RunAsync(Options(job, folder), Register, either.Token) : 137;
            }
            catch (OperationCanceledException) when (either.IsCancellationRequested)
            {
                exit = 137;
            }
            catch (Exception e)
            {
                // A program that breaks ends too; the test is told.
                Broken.Enqueue(e);
                exit = 134;
            }

            // The collector takes the Pods of a Job that is gone, and this one is of no more use when it has ended.
            await _kubernetes.DeleteAsync(ResourceTypes.Pods, Namespaces.Module, pod, null, null, CancellationToken.None);
            if (Exists(job))
            {
                await WriteStatusAsync(name, exit == 0, failed + (exit == 0 ? 0 : 1));
            }

            if (exit == 0 || _stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private bool Exists(JsonObject job) => (string?)_kubernetes.Find(ResourceTypes.Jobs, Namespaces.Module, (string)job["metadata"]!["name"]!)?["metadata"]!["uid"] == (string?)job["metadata"]!["uid"];

    private async Task WriteStatusAsync(string name, bool isComplete, int failed)
    {
        var status = new JsonObject { ["failed"] = failed };
        if (isComplete)
        {
            status["conditions"] = new JsonArray(new JsonObject { ["type"] = "Complete", ["status"] = "True" });
        }

        await _kubernetes.PatchAsync(
            ResourceTypes.Jobs, Namespaces.Module, name, KubernetesPatch.Merge, new JsonObject { ["status"] = status }, null, null, CancellationToken.None);
    }

    private static JsonObject Pod(JsonObject job, string name) => new()
    {
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = Namespaces.Module, ["labels"] = job["spec"]!["template"]!["metadata"]!["labels"]!.DeepClone() },
        ["status"] = new JsonObject { ["phase"] = "Running" },
    };

    private void Register(IServiceCollection services)
    {
        services.AddSingleton<IKubernetesClient>(_kubernetes).AddLogging(logging => logging.ClearProviders());
        _services?.Invoke(services);
    }

    /// <summary>Null when the Secret is gone, with its Job, before the Pod has begun: kubelet cannot mount it, and the Pod never runs.</summary>
    private string? Mount(string name)
    {
        if (_kubernetes.Find(ResourceTypes.Secrets, Namespaces.Module, name) is not { } secret)
        {
            return null;
        }

        string folder = Directory.CreateDirectory(Path.Combine(_folder, Guid.NewGuid().ToString("N"))).FullName;
        foreach ((string key, JsonNode? value) in (JsonObject)secret["data"]!)
        {
            File.WriteAllBytes(Path.Combine(folder, key), Convert.FromBase64String((string)value!));
        }

        return folder;
    }

    private static PrepareOptions Options(JsonObject job, string folder)
    {
        string[] arguments = [.. ((JsonArray)job["spec"]!["template"]!["spec"]!["containers"]![0]!["args"]!).Select(argument => (string)argument!)];
        string Value(string option) => arguments[Array.IndexOf(arguments, option) + 1];
        string Local(string path) => path.Replace(Value("--task"), folder, StringComparison.Ordinal);
        return new PrepareOptions
        {
            Task = Local(Value("--task")),
            Attempt = Value("--attempt"),
            Registry = Value("--registry"),
            HuggingfaceEndpoint = new Uri(Value("--huggingface-endpoint")),
            SourceCaFile = arguments.Contains("--source-ca-file") ? Local(Value("--source-ca-file")) : null,
        };
    }
}
