using System.Collections.Concurrent;
using AiModels.Controllers.Preparation;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Integrity;

/// <summary>Runs repairs beside everything else, one at a time: what has rotted is a few chunks, and preparations need the connections more.</summary>
internal sealed partial class ContentRepair(ChunkRestorer restorer, ContentWatch watch, TimeProvider time, ILogger<ContentRepair> logger) : IHostedService, IDisposable
{
    // A source that is away now may be there later; nobody waits for the answer by the second.
    private static readonly TimeSpan AfterFailure = TimeSpan.FromMinutes(10);

    // What was just stored and is lost again already is no reason to hurry.
    private static readonly TimeSpan AfterSuccess = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, RepairState> _states = [];
    private readonly ConcurrentDictionary<Task, bool> _running = [];
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Called, on any thread, when the state of a repair changed.</summary>
    public event Action<ModelKey>? Changed;

    /// <summary>What is done about the model; null when nothing is or was.</summary>
    public RepairState? StateOf(string uid) => _states.GetValueOrDefault(uid);

    /// <summary>Whether to begin bringing this back: what was tried before is tried again only after a while, and not at all when that is no use.</summary>
    public bool IsDue(string uid, IReadOnlyList<LostContent> lost) => StateOf(uid) switch
    {
        null => true,
        { IsRunning: true } => false,
        { } last when !last.Digests.IsSupersetOf(lost.Select(content => content.Digest)) => true,
        { IsRetried: false } => false,
        { } last => time.GetUtcNow() - last.EndedAt >= (last.Problem is null ? AfterSuccess : AfterFailure),
    };

    /// <summary>Begins to bring back what is lost.</summary>
    public void Start(ModelObject model, IReadOnlyList<LostContent> lost)
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        var state = new RepairState(IsRunning: true) { Digests = lost.Select(content => content.Digest).ToHashSet() };
        _states[model.Uid] = state;
        Task repair = Task.Run(() => RunAsync(model, lost, state, _stop.Token), CancellationToken.None);
        _running[repair] = true;
        _ = repair.ContinueWith(done => _running.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The model is gone.</summary>
    public void Forget(string uid) => _states.TryRemove(uid, out _);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        _turn.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(ModelObject model, IReadOnlyList<LostContent> lost, RepairState state, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            RestoreOutcome outcome = await restorer.RestoreAsync(model, lost, cancellationToken);
            _states[model.Uid] = state with { IsRunning = false, Problem = outcome.Problem, IsRetried = outcome.IsRetried, EndedAt = time.GetUtcNow() };
            Log.Ended(logger, model.Key, outcome.Restored, lost.Count, outcome.Problem ?? "");
            if (outcome.Restored > 0)
            {
                await watch.LookAsync(cancellationToken);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            _states[model.Uid] = state with { IsRunning = false, Problem = e.Message, EndedAt = time.GetUtcNow() };
            Log.Broken(logger, model.Key, e);
        }
        finally
        {
            _turn.Release();
        }

        Changed?.Invoke(model.Key);
    }

    private static partial class Log
    {
        [LoggerMessage(81, LogLevel.Information, "Brought back {Restored} of {Lost} lost chunks of {Model}. {Problem}")]
        public static partial void Ended(ILogger logger, ModelKey model, int restored, int lost, string problem);

        [LoggerMessage(82, LogLevel.Error, "Repairing {Model} broke")]
        public static partial void Broken(ILogger logger, ModelKey model, Exception exception);
    }
}
