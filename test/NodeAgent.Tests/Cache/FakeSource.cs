using System.Collections.Concurrent;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
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

    /// <summary>What the scrubber is told.</summary>
    public string? Damage { get; set; }

    /// <summary>Models of which the scrubber is told that nobody has them any more.</summary>
    public HashSet<string> Deleted { get; } = [];

    /// <summary>What the scrubber has asked for, models by name.</summary>
    public List<string> Verified { get; } = [];

    /// <summary>A failure of the next download alone.</summary>
    public Exception? NextFailure { get; set; }

    public async Task<IReadOnlyList<CachedFile>> FetchAsync(
        AuthorizedModel model, string target, ILocalFiles local, MaterializationProgress progress, CancellationToken cancellationToken)
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

        if (NextFailure is { } next)
        {
            NextFailure = null;
            throw next;
        }

        Directory.CreateDirectory(target);
        await File.WriteAllTextAsync(Path.Combine(target, "config.json"), model.Name.PadRight((int)model.SizeBytes), cancellationToken);
        ReadOnlyTree.Seal(target);
        return [new CachedFile("config.json", model.SizeBytes, model.Digest)];
    }

    public Task<string?> VerifyAsync(AuthorizedModel model, string folder, long bytesPerSecond, CancellationToken cancellationToken)
    {
        Verified.Add(model.Name);
        return Deleted.Contains(model.Name)
            ? Task.FromException<string?>(new KubernetesApiException(404, "NotFound", $"models \"{model.Name}\" not found"))
            : Task.FromResult(Damage);
    }

    public Task<long> CountLostAsync(AuthorizedModel model, CancellationToken cancellationToken) => Task.FromResult(0L);

    public Task<ReturnedContent> GiveBackAsync(AuthorizedModel model, string folder, CancellationToken cancellationToken) => Task.FromResult(new ReturnedContent(0));
}
