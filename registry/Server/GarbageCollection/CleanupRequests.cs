using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.GarbageCollection;

/// <summary>
/// Repositories that shall be forgotten. A request is durable before anything goes; then the repository's content disappears at once, and its space with the next
/// collection. A crash in between is made good by that collection.
/// </summary>
internal sealed class CleanupRequests(IStorageBackend backend, TimeProvider clock) : IDisposable
{
    private const int MaxDocumentLength = 4096;

    // Enough for a client that asks a moment after the last of many requests was done.
    private const int RememberedDone = 1000;

    private readonly ConcurrentQueue<CleanupRequest> _done = new();
    private readonly SemaphoreSlim _queued = new(0);

    /// <summary>Ends when a request is queued.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _queued.WaitAsync(cancellationToken);

    /// <summary>Forgets a repository.</summary>
    public async Task<CleanupRequest> QueueAsync(string repository, CancellationToken cancellationToken)
    {
        var request = new CleanupRequest { Id = Guid.NewGuid().ToString("N"), Repository = repository, RequestedAt = clock.GetUtcNow() };
        await SaveAsync(request, cancellationToken);
        await ForgetAsync(repository, DateTimeOffset.MaxValue, cancellationToken);
        _queued.Release();
        return request;
    }

    /// <summary>The newest request for a repository, or null when there is none or it was done long ago.</summary>
    public async Task<CleanupRequest?> FindAsync(string repository, CancellationToken cancellationToken)
    {
        CleanupRequest? found = _done.LastOrDefault(request => request.Repository == repository);
        await foreach (CleanupRequest request in ListAsync(cancellationToken))
        {
            found = request.Repository == repository && (found is null || request.RequestedAt >= found.RequestedAt) ? request : found;
        }

        return found;
    }

    /// <summary>Requests whose space is not free yet.</summary>
    public async IAsyncEnumerable<CleanupRequest> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Cleanup, null, cancellationToken))
        {
            if (await backend.ReadDocumentAsync(entry.Path, MaxDocumentLength, RegistryJson.Default.CleanupRequest, cancellationToken) is { } request)
            {
                yield return request;
            }
        }
    }

    /// <summary>A collection begins: completes what a crash interrupted, and returns the requests it will serve.</summary>
    public async Task<IReadOnlyList<CleanupRequest>> ArmAsync(CancellationToken cancellationToken)
    {
        var armed = new List<CleanupRequest>();
        await foreach (CleanupRequest request in ListAsync(cancellationToken))
        {
            // Not what was pushed afterwards: the name may be in use again.
            await ForgetAsync(request.Repository, request.RequestedAt, cancellationToken);
            CleanupRequest next = request with { State = CleanupState.Armed };
            if (request.State != next.State)
            {
                await SaveAsync(next, cancellationToken);
            }

            armed.Add(next);
        }

        return armed;
    }

    /// <summary>The space of a request is free.</summary>
    public async Task FinishAsync(CleanupRequest request, CancellationToken cancellationToken)
    {
        _done.Enqueue(request with { State = CleanupState.Done });
        while (_done.Count > RememberedDone)
        {
            _done.TryDequeue(out _);
        }

        await backend.DeleteAsync(StoragePaths.CleanupRequest(request.Id), cancellationToken);
    }

    public void Dispose() => _queued.Dispose();

    private async Task ForgetAsync(string repository, DateTimeOffset until, CancellationToken cancellationToken)
    {
        foreach (string folder in StoragePaths.FoldersOf(repository))
        {
            await foreach (StorageEntry entry in backend.ListAsync(folder, null, cancellationToken))
            {
                if (entry.Modified <= until)
                {
                    await backend.DeleteAsync(entry.Path, cancellationToken);
                }
            }
        }
    }

    private async Task SaveAsync(CleanupRequest request, CancellationToken cancellationToken) => await backend.PutAsync(
        StoragePaths.CleanupRequest(request.Id), JsonSerializer.SerializeToUtf8Bytes(request, RegistryJson.Default.CleanupRequest), PutMode.Replace, cancellationToken);
}

/// <summary>A repository that is to be forgotten.</summary>
internal sealed record CleanupRequest
{
    public required string Id { get; init; }

    public required string Repository { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }

    public CleanupState State { get; init; } = CleanupState.Queued;
}

/// <summary>How far a cleanup is.</summary>
internal enum CleanupState
{
    /// <summary>The content is gone; its space waits for a collection.</summary>
    Queued,

    /// <summary>A collection has taken it up.</summary>
    Armed,

    /// <summary>Its space is free, but for what others share.</summary>
    Done,
}
