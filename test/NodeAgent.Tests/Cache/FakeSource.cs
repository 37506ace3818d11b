using System.Collections.Concurrent;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Materialization;
using AiModels.NodeAgent.Registry;

namespace AiModels.NodeAgent.Tests.Cache;

/// <summary>Makes folders instead of downloads; can be held and can fail.</summary>
internal sealed class FakeSource : IModelSource
{
    public ConcurrentQueue<string> Fetched { get; } = new();

    /// <summary>Downloads wait for it.</summary>
    public TaskCompletionSource? Hold { get; set; }

    public Exception? Failure { get; set; }

    public async Task FetchAsync(AuthorizedModel model, string target, MaterializationProgress progress, CancellationToken cancellationToken)
    {
        Fetched.Enqueue(model.Digest);
        if (Hold is { } hold)
        {
            progress.Add(1);
            await hold.Task.WaitAsync(cancellationToken);
        }

        if (Failure is { } failure)
        {
            throw failure;
        }

        Directory.CreateDirectory(target);
        await File.WriteAllTextAsync(Path.Combine(target, "config.json"), model.Name, cancellationToken);
        ReadOnlyTree.Seal(target);
    }
}
