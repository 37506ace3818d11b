using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests.Torture;

/// <summary>The models of a torture run: a few names, a few contents, and which content each artifact digest stands for.</summary>
internal sealed class TortureModels(RunningCluster cluster, CancellationToken cancellationToken)
{
    // Sizes around the one of a page and of a mebibyte, so that ends of files are not all alike.
    private static readonly byte[][] Contents = [ModelFiles.Gguf(64 << 10, seed: 1), ModelFiles.Gguf((3 << 20) + 64, seed: 2), ModelFiles.Gguf(1 << 20, seed: 3)];

    // Names of models whose preparation fails: no such thing can be on that site.
    private const string Unsupported = "https://ollama.com/library/Not A Model";

    private readonly ConcurrentDictionary<string, string> _hashes = [];

    public static IReadOnlyList<string> Names { get; } = ["m0", "m1", "m2", "m3"];

    /// <summary>SHA-256 of the one file of the model with this artifact digest; null when it never was Ready.</summary>
    public string? HashOf(string digest) => _hashes.GetValueOrDefault(digest);

    /// <summary>Makes a model Ready with one of the contents; leaves one that is there as it is.</summary>
    public async Task PublishAsync(string name, int content)
    {
        if ((await cluster.TryKubectlAsync(cancellationToken, "get", "model", name)).ExitCode == 0) return;
        byte[] file = Contents[content % Contents.Length];
        (string url, string token) = await cluster.OpenUploadAsync(name, cancellationToken, $"{name}.gguf");
        await cluster.CurlUploadAsync($"{url}?filename={name}.gguf", token, file, cancellationToken);
        JsonObject model = await cluster.WaitForPhaseAsync(name, "Ready", cancellationToken);
        _hashes[(string)model["status"]!["artifact"]!["digest"]!] = Convert.ToHexStringLower(SHA256.HashData(file));
    }

    public Task FailAsync(string name) => cluster.ApplyAsync(A.Model(name).FromUrl(Unsupported).Build(), cancellationToken);

    /// <summary>Waits sometimes, and sometimes leaves the deletion under way.</summary>
    public Task DeleteAsync(string name, bool waits) =>
        cluster.TryKubectlAsync(cancellationToken, "delete", "model", name, "--ignore-not-found", $"--wait={(waits ? "true" : "false")}", "--timeout=60s");

    /// <summary>Replaces what has failed or is missing, so that every name is Ready.</summary>
    public async Task MakeAllReadyAsync()
    {
        foreach (string name in Names)
        {
            CommandResult phase = await cluster.TryKubectlAsync(cancellationToken, "get", "model", name, "-o", "jsonpath={.status.phase}{.metadata.deletionTimestamp}");
            if (phase.ExitCode != 0 || phase.Output != "Ready") await DeleteAsync(name, waits: true);
            await PublishAsync(name, content: name[^1]);
        }
    }
}
