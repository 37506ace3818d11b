using System.Text.Json.Nodes;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Workloads;

namespace AiModels.LocalCluster.Node;

/// <summary>
/// The node: publishes the volumes of every container under NODE_ROOT/NS/POD/CONTAINER/PATH, runs containers whose command is one of our programs, reports
/// status, and takes everything away when the Pod goes. One key is one Pod name, so a successor of the same name waits until its predecessor is gone.
/// </summary>
internal sealed partial class Kubelet(
    IKubernetesClient client, WorkloadApi api, VolumeSources volumes, CsiVolumes csi, ContainerEnvironment environments, Mounts mounts, ClusterPaths paths,
    LocalClusterOptions options, IEventRecorder events, Func<WorkQueue<NamespacedName>> queue, TimeProvider time, ILogger<Kubelet> logger)
    : IReconciler<NamespacedName>, IAsyncDisposable
{
    public const string NodeName = "local";

    // A volume that is being fetched, a claim that is being bound: soon ready, and cheap to ask for.
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromMilliseconds(500);

    // A new Pod waits a moment for a claim to be bound or a Secret to appear: nobody needs to hear of that.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Dictionary<NamespacedName, RunningPod> _pods = [];
    private readonly Lock _lock = new();

    /// <summary>Removes what a process that was killed left mounted, and the folders of its Pods; their objects bring them back.</summary>
    public void CleanUp()
    {
        Mounts.Unpublish(paths.Node);
        Mounts.Unpublish(paths.Pods);
        Folders.Remove(paths.Node);
        Directory.CreateDirectory(paths.Node);
    }

    public async Task<ReconcileResult> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        JsonObject? pod = await client.GetAsync(ResourceTypes.Pods, key.Namespace, key.Name, cancellationToken);
        RunningPod? running = Find(key);
        if (running != null && (pod == null || pod.IsDeleting() || pod.Uid() != running.Uid))
        {
            await TearDownAsync(key, running, cancellationToken);
            running = null;
        }

        if (pod == null || pod.IsDeleting() || (string?)pod.At("spec.nodeName") != NodeName) return ReconcileResult.Done;
        if (pod.Phase() is "Succeeded" or "Failed")
        {
            if (running != null) await TearDownAsync(key, running, cancellationToken);
            return ReconcileResult.Done;
        }

        if (running == null) lock (_lock) _pods[key] = running = new RunningPod(pod.Uid()) { Pod = pod };
        try
        {
            if (!running.IsPublished) await StartAsync(key, pod, running, cancellationToken);
            bool isTold = await api.TrySetStatusAsync(ResourceTypes.Pods, pod, PodStatus.Of(pod, running, time), cancellationToken);
            return isTold ? ReconcileResult.Done : ReconcileResult.After(RetryPeriod);
        }
        catch (Exception e) when (e is NotReadyException or IOException or UnauthorizedAccessException)
        {
            await WaitAsync(pod, e as NotReadyException ?? new NotReadyException("FailedMount", e.Message), cancellationToken);
            return ReconcileResult.After(RetryPeriod);
        }
    }

    /// <summary>Ends every container and takes off every mount: the node stops.</summary>
    public async ValueTask DisposeAsync()
    {
        KeyValuePair<NamespacedName, RunningPod>[] pods;
        lock (_lock) pods = [.. _pods];
        await Task.WhenAll(pods.SelectMany(p => p.Value.Processes.Values).Select(p => p.DisposeAsync().AsTask()));
        Mounts.Unpublish(paths.Node);
        Mounts.Unpublish(paths.Pods);
    }

    private RunningPod? Find(NamespacedName key)
    {
        lock (_lock) return _pods.GetValueOrDefault(key);
    }

    private async Task StartAsync(NamespacedName key, JsonObject pod, RunningPod running, CancellationToken cancellationToken)
    {
        // Step 1: every volume has its content. A Pod waits for all of them, as with kubelet.
        Mounts.Unpublish(paths.PodView(key.Namespace!, key.Name));
        var sources = new Dictionary<string, string>();
        foreach (JsonObject volume in pod.Items("spec.volumes"))
        {
            string name = (string?)volume["name"] ?? "";
            sources[name] = await volumes.PrepareAsync(pod, volume, cancellationToken);
            if (volume["csi"] != null) running.CsiVolumes[name] = sources[name];
        }

        // Step 2: every container sees them at its paths, outer paths first.
        foreach (JsonObject container in pod.Items("spec.containers"))
        {
            Directory.CreateDirectory(Path.Combine(paths.PodView(key.Namespace!, key.Name), (string?)container["name"] ?? ""));
            foreach (JsonObject mount in container.Items("volumeMounts").OrderBy(m => ((string?)m["mountPath"] ?? "").Length)) Publish(key, pod, container, mount, sources);
        }

        // Step 3: what can run, runs.
        foreach (JsonObject container in pod.Items("spec.containers")) await RunAsync(key, pod, container, running, cancellationToken);
        running.StartedAt = time.GetUtcNow();
        running.IsPublished = true;
        Log.Started(logger, key, running.Processes.Count, pod.Items("spec.containers").Count());
    }

    private void Publish(NamespacedName key, JsonObject pod, JsonObject container, JsonObject mount, Dictionary<string, string> sources)
    {
        string name = (string?)mount["name"] ?? "", path = (string?)mount["mountPath"] ?? "";
        if (!sources.TryGetValue(name, out string? source)) throw new NotReadyException("FailedMount", $"no volume \"{name}\" for {path}");
        JsonObject? volume = pod.Items("spec.volumes").FirstOrDefault(v => (string?)v["name"] == name);
        bool isReadOnly = (bool?)mount["readOnly"] == true || (bool?)volume.At("persistentVolumeClaim.readOnly") == true;
        if ((string?)mount["subPath"] is { Length: > 0 } subPath)
        {
            source = VolumeSources.Below(source, subPath);
            // As kubelet: a subPath that is not there yet becomes a folder.
            if (!Path.Exists(source)) Directory.CreateDirectory(source);
        }

        mounts.Publish(source, paths.ContainerPath(key.Namespace!, key.Name, (string?)container["name"] ?? "", path), isReadOnly);
    }

    private async Task RunAsync(NamespacedName key, JsonObject pod, JsonObject container, RunningPod running, CancellationToken cancellationToken)
    {
        string name = (string?)container["name"] ?? "";
        string[] command = [.. Texts(container["command"]), .. Texts(container["args"])];
        if (running.Processes.ContainsKey(name) || Executables.Find(command.FirstOrDefault()) is not { } program) return;
        Dictionary<string, string> environment = await environments.ResolveAsync(pod, container, cancellationToken);
        var local = environment.ToDictionary(v => v.Key, v => Localize(key, container, v.Value));
        // Outside of a container there is no token to find; the programs' own option says where the API is, and as whom.
        if (paths.KubeconfigOf((string?)pod.At("spec.serviceAccountName") ?? "default") is var kubeconfig && File.Exists(kubeconfig))
            local.TryAdd($"AIMODELS_{Path.GetFileName(program).Replace('-', '_').ToUpperInvariant()}_KUBECONFIG", kubeconfig);
        var process = ContainerProcess.Start(
            program,
            command.Skip(1).Select(a => Localize(key, container, ContainerEnvironment.Expand(a, environment))),
            local,
            paths.ContainerLog(pod.Uid(), name),
            time);
        running.Processes[name] = process;
        _ = process.Exited.ContinueWith(_ => queue().Add(key), TaskScheduler.Default);
    }

    /// <summary>A container's paths are folders elsewhere here: a text that is such a path, or option=path, is turned into the folder that shows it.</summary>
    private string Localize(NamespacedName key, JsonObject container, string text)
    {
        int start = text.StartsWith('-') ? text.IndexOf('=') + 1 : 0;
        string value = text[start..];
        string? mountPath = container.Items("volumeMounts").Select(m => ((string?)m["mountPath"] ?? "").TrimEnd('/'))
            .Where(p => value == p || value.StartsWith(p + "/", StringComparison.Ordinal)).MaxBy(p => p.Length);
        return string.IsNullOrEmpty(mountPath) ? text : text[..start] + paths.ContainerPath(key.Namespace!, key.Name, (string?)container["name"] ?? "", value);
    }

    private async Task WaitAsync(JsonObject pod, NotReadyException why, CancellationToken cancellationToken)
    {
        if (time.GetUtcNow() - pod.Time("metadata.creationTimestamp") > Patience)
            await events.RecordAsync(EventTarget.Of(pod), EventType.Warning, why.Reason, why.Message, cancellationToken);
        await api.TrySetStatusAsync(ResourceTypes.Pods, pod, PodStatus.Waiting(pod, "ContainerCreating", why.Message, time), cancellationToken);
    }

    private async Task TearDownAsync(NamespacedName key, RunningPod running, CancellationToken cancellationToken)
    {
        await Task.WhenAll(running.Processes.Values.Select(p => p.DisposeAsync().AsTask()));
        string view = paths.PodView(key.Namespace!, key.Name);
        Mounts.Unpublish(view);
        foreach ((string volume, string target) in running.CsiVolumes)
        {
            if (!options.Without.Contains("csi-driver")) await csi.UnpublishAsync(running.Uid, volume, target, cancellationToken);
        }

        Folders.Remove(view);
        string own = Path.Combine(paths.Pod(running.Uid), "volumes");
        Mounts.Unpublish(own);
        Folders.Remove(own);
        lock (_lock) _pods.Remove(key);
        Log.Gone(logger, key);
    }

    private static IEnumerable<string> Texts(JsonNode? list) => (list as JsonArray ?? []).Select(t => (string?)t ?? "");

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Pod {Pod} started: {Running} of {Containers} containers run, volumes are published")]
        public static partial void Started(ILogger logger, NamespacedName pod, int running, int containers);

        [LoggerMessage(2, LogLevel.Information, "Pod {Pod} is gone from this node")]
        public static partial void Gone(ILogger logger, NamespacedName pod);
    }
}
