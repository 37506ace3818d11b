using System.Diagnostics;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Bench;

/// <summary>The main way: a Model, its file sent with curl, and the time until it is Ready. Prints seconds.</summary>
internal static class UploadToReady
{
    public static async Task RunAsync(string kubeconfig, string name, string file, CancellationToken cancellationToken)
    {
        using var cluster = new Cluster(kubeconfig);
        await cluster.Client.CreateAsync(Cluster.Models, Cluster.UploadModel(name), null, cancellationToken);
        JsonObject session = await cluster.CreateSubresourceAsync(name, "upload", new JsonObject
        {
            ["apiVersion"] = GroupVersion.ApiVersion,
            ["kind"] = "UploadSession",
            ["spec"] = new JsonObject { ["fileName"] = Path.GetFileName(file) },
        }, cancellationToken);
        string version = (await cluster.Client.ListAsync(Cluster.Models, Cluster.Namespace, null, cancellationToken)).ResourceVersion;
        Task<JsonObject> ready = WaitForReadyAsync(cluster, name, version, cancellationToken);

        long start = Stopwatch.GetTimestamp();
        await CurlAsync(session["url"]!.GetValue<string>(), session["token"]!.GetValue<string>(), file, cancellationToken);
        double sent = Stopwatch.GetElapsedTime(start).TotalSeconds;
        JsonObject model = await ready;
        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:0.000}");
        Console.Error.WriteLine($"curl was done after {sent:0.000} s; artifact {model["status"]?["artifact"]?["digest"]}");
    }

    /// <summary>Prints repository, digest and token of a grant to pull.</summary>
    public static async Task GrantAsync(string kubeconfig, string name, CancellationToken cancellationToken)
    {
        using var cluster = new Cluster(kubeconfig);
        JsonObject grant = await cluster.CreateSubresourceAsync(name, "grant", new JsonObject
        {
            ["apiVersion"] = GroupVersion.ApiVersion,
            ["kind"] = "RegistryGrant",
            ["spec"] = new JsonObject { ["consumer"] = "bench" },
        }, cancellationToken);
        Console.WriteLine($"{grant["repository"]} {grant["digest"]} {grant["token"]}");
    }

    /// <summary>A Model from a URL, and the time until it is Ready. Prints seconds.</summary>
    public static async Task PrepareAsync(string kubeconfig, string name, string url, CancellationToken cancellationToken)
    {
        using var cluster = new Cluster(kubeconfig);
        string version = (await cluster.Client.ListAsync(Cluster.Models, Cluster.Namespace, null, cancellationToken)).ResourceVersion;
        Task<JsonObject> ready = WaitForReadyAsync(cluster, name, version, cancellationToken);
        JsonObject model = Cluster.UploadModel(name);
        model["spec"] = new JsonObject { ["source"] = new JsonObject { ["url"] = url } };
        long start = Stopwatch.GetTimestamp();
        await cluster.Client.CreateAsync(Cluster.Models, model, null, cancellationToken);
        JsonObject prepared = await ready;
        Console.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalSeconds:0.000}");
        Console.Error.WriteLine($"artifact {prepared["status"]?["artifact"]}");
    }

    private static async Task<JsonObject> WaitForReadyAsync(Cluster cluster, string name, string version, CancellationToken cancellationToken)
    {
        var options = new KubernetesListOptions { ResourceVersion = version, FieldSelector = $"metadata.name={name}" };
        await foreach (KubernetesEvent change in cluster.Client.WatchAsync(Cluster.Models, Cluster.Namespace, options, cancellationToken))
        {
            string? phase = change.Object["status"]?["phase"]?.GetValue<string>();
            if (phase == Phases.Ready)
            {
                return change.Object;
            }

            if (phase == Phases.Failed)
            {
                throw new InvalidOperationException($"The model failed: {change.Object["status"]?["conditions"]}");
            }
        }

        throw new InvalidOperationException("The watch ended before the model was Ready.");
    }

    private static async Task CurlAsync(string url, string token, string file, CancellationToken cancellationToken)
    {
        // -k: the certificate of the local cluster is of its own making, and trust is not what is measured.
        using Process curl = Process.Start(new ProcessStartInfo("curl", ["-sS", "-k", "--fail-with-body", "-T", file, "-H", "@-", url]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await curl.StandardInput.WriteAsync($"Authorization: Bearer {token}\n");
        curl.StandardInput.Close();
        string answer = await curl.StandardOutput.ReadToEndAsync(cancellationToken);
        await curl.WaitForExitAsync(cancellationToken);
        if (curl.ExitCode != 0)
        {
            throw new InvalidOperationException($"curl ended with {curl.ExitCode}: {answer}");
        }
    }
}
