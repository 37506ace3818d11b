using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace AiModels.EndToEnd.Tests.Torture;

/// <summary>
/// What must be true of every Pod at every moment: one that runs has its models, all of each, and nobody else's bytes (requirements D3, D6). A Pod that ran before the last
/// restart of the node may be without its mounts until the node has published them again; one that started since may not.
/// </summary>
internal sealed class PodInvariants(RunningCluster cluster, TortureModels models, CancellationToken cancellationToken)
{
    private DateTimeOffset _restarted = DateTimeOffset.MinValue;

    /// <summary>How many Pods were looked into: a run that saw none has shown nothing.</summary>
    public int Checked { get; private set; }

    /// <summary>To be called before the node is started, each time: a Pod that started since the last look is known by its time only.</summary>
    public void Restarts() => _restarted = TimeProvider.System.GetUtcNow();

    public async Task CheckAsync()
    {
        foreach (JsonObject pod in await PodsAsync())
        {
            if ((string?)pod["status"]?["phase"] == "Running" && pod["metadata"]!["deletionTimestamp"] is null) await CheckAsync(pod);
        }
    }

    /// <summary>Whether the workload has one Pod, which runs with exactly these models.</summary>
    public async Task<bool> HasAsync(string app, string[] names)
    {
        JsonObject[] pods = [.. (await PodsAsync()).Where(pod => (string?)pod["metadata"]!["labels"]?["app"] == app)];
        if (pods is not [{ } pod] || (string?)pod["status"]?["phase"] != "Running" || pod["metadata"]!["deletionTimestamp"] is not null) return false;
        return Delivered(pod).Select(model => model.Name).Order().SequenceEqual(names.Order()) && Delivered(pod).All(model => Seen(pod, model.Name) == models.HashOf(model.Digest));
    }

    private async Task CheckAsync(JsonObject pod)
    {
        string uid = (string)pod["metadata"]!["uid"]!, name = (string)pod["metadata"]!["name"]!;
        (string Name, string Digest)[] delivered = Delivered(pod);
        Assert.IsNotEmpty(delivered, $"Pod {name} runs without models: {pod["spec"]!.ToJsonString()}");
        Checked++;
        foreach ((string model, string digest) in delivered)
        {
            string? seen = Seen(pod, model);
            if (seen == models.HashOf(digest)) continue;
            if (seen is null && RanBeforeRestart(pod)) continue;

            // Between the list and the look the Pod may have gone, and its folders with it.
            if (await IsStillThereAsync(name, uid)) Assert.Fail($"Pod {name} runs with {(seen is null ? "no file" : $"a file of SHA-256 {seen}")} for model {model}, want {models.HashOf(digest)} ({digest})");
        }
    }

    /// <summary>The node takes seconds to start, and writes a Pod's time anew when it has published its volumes again: whole seconds tell the two apart.</summary>
    private bool RanBeforeRestart(JsonObject pod) =>
        (string?)pod["status"]!["startTime"] is { } text && DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) <= _restarted;

    private async Task<bool> IsStillThereAsync(string name, string uid) => (await cluster.TryKubectlAsync(
        cancellationToken, "get", "pod", name, "-o", "jsonpath={.metadata.uid} {.metadata.deletionTimestamp}")).Output == uid + " ";

    private async Task<JsonObject[]> PodsAsync() =>
        [.. JsonNode.Parse(await cluster.KubectlAsync(cancellationToken, "get", "pods", "-l", "torture=yes", "-o", "json"))!["items"]!.AsArray().OfType<JsonObject>()];

    private static (string Name, string Digest)[] Delivered(JsonObject pod)
    {
        string? value = (string?)pod["spec"]!["containers"]![0]!["env"]?.AsArray().FirstOrDefault(variable => (string?)variable!["name"] == "AI_MODELS_MODELS")?["value"];
        return value is null ? [] : [.. JsonNode.Parse(value)!.AsArray().Select(model => ((string)model!["name"]!, (string)model["digest"]!))];
    }

    /// <summary>SHA-256 of the model's file as the container sees it; null when there is none.</summary>
    private string? Seen(JsonObject pod, string model)
    {
        string folder = cluster.ContainerPath((string)pod["metadata"]!["name"]!, $"/data/modelcache/models/{model}");
        try
        {
            using FileStream file = File.OpenRead(Directory.GetFiles(folder, "*.gguf").Single());
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            return null; // no folder, or an empty one: the caller decides whether that may be
        }
    }
}
