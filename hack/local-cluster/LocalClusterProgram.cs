using AiModels.Hosting.CommandLine;

namespace AiModels.LocalCluster;

/// <summary>What the executable does.</summary>
internal static class LocalClusterProgram
{
    public static async Task<int> RunAsync(LocalClusterOptions options, CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        long started = time.GetTimestamp();
        var paths = new ClusterPaths(options.Data);
        await using var cluster = new AllInOne(options, paths, time);
        try
        {
            await cluster.StartAsync(cancellationToken);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw new BadOptionException($"--port: {options.Port} or one of the next four ports is in use ({e.Message}); choose another one");
        }

        await WriteReadyAsync(options, paths, cancellationToken);
        Console.Error.WriteLine($"ready after {time.GetElapsedTime(started).TotalSeconds:0.0} s");
        await Task.WhenAny(cluster.Broken, Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken));
        return cancellationToken.IsCancellationRequested ? 0 : 1;
    }

    /// <summary>What `hack/local-cluster.sh env` prints. Written last and at once: who sees the file sees a cluster that is ready.</summary>
    private static async Task WriteReadyAsync(LocalClusterOptions options, ClusterPaths paths, CancellationToken cancellationToken)
    {
        string text = $"KUBECONFIG={paths.Kubeconfig}\nREGISTRY=https://127.0.0.1:{options.Port + 2}\nNODE_ROOT={paths.Node}\n";
        await File.WriteAllTextAsync(paths.Ready + ".new", text, cancellationToken);
        File.Move(paths.Ready + ".new", paths.Ready, overwrite: true);
    }
}
