using System.Collections.Concurrent;
using AiModels.Controllers.Preparation;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Integrity;

/// <summary>
/// Asks the registry what it has lost of models that are Ready. One small question an interval for all of them; only when something is lost, one for each model. Knows the
/// models that its reconciler has shown to it, and so does nothing where another process leads.
/// </summary>
internal sealed partial class ContentWatch(RegistryClient registry, ModelGrants grants, ControllersOptions options, TimeProvider time, ILogger<ContentWatch> logger) : BackgroundService
{
    private const int QuestionsAtOnce = 4;

    private readonly ConcurrentDictionary<string, Watched> _models = [];

    /// <summary>Called, on any thread, when something is known of a model that was not.</summary>
    public event Action<ModelKey>? Changed;

    /// <summary>A model is Ready.</summary>
    /// <param name="isToldLost">Whether its conditions say that something is lost.</param>
    public void Add(ModelObject model, bool isToldLost)
    {
        grants.Register(model);
        Watched watched = _models.GetOrAdd(model.Uid, _ => new Watched(model.Key, model.Repository));
        watched.IsToldLost = isToldLost;
    }

    /// <summary>The model is gone, or on its way.</summary>
    public void Forget(string uid) => _models.TryRemove(uid, out _);

    /// <summary>How many models are known.</summary>
    public int Count => _models.Count;

    /// <summary>What is lost of a model; null when that is not known (yet).</summary>
    public IReadOnlyList<LostContent>? LostOf(string uid) => _models.GetValueOrDefault(uid)?.Lost;

    /// <summary>Asks anew.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (_models.Values.FirstOrDefault() is not { } any || await registry.Integrity.CountMissingAsync(any.Repository, cancellationToken) is not { } missing)
        {
            return;
        }

        IEnumerable<Watched> affected = _models.Values.Where(model => missing > 0 || model.IsToldLost || model.Lost is { Count: > 0 });
        var options = new ParallelOptions { MaxDegreeOfParallelism = QuestionsAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(affected, options, async (model, cancellation) =>
        {
            IReadOnlyList<LostContent> lost = missing == 0 ? [] : await registry.Integrity.LostAsync(model.Repository, cancellation);
            bool isNews = lost.Count > 0 || model.IsToldLost || model.Lost is { Count: > 0 };
            model.Lost = lost;
            if (isNews)
            {
                Changed?.Invoke(model.Key);
            }
        });
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(options.IntegrityInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever it was (the registry restarts, a model was deleted just now): the next question is soon asked.
                Log.NotAsked(logger, e.Message);
            }
        }
    }

    private sealed class Watched(ModelKey key, string repository)
    {
        private volatile IReadOnlyList<LostContent>? _lost;

        public ModelKey Key => key;

        public string Repository => repository;

        public bool IsToldLost { get; set; }

        public IReadOnlyList<LostContent>? Lost
        {
            get => _lost;
            set => _lost = value;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(80, LogLevel.Warning, "The registry could not be asked what it has lost: {Problem}")]
        public static partial void NotAsked(ILogger logger, string problem);
    }
}
