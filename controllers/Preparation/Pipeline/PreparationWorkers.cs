using AiModels.Controllers.Runtime;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// What workers in this process and workers that look after Jobs have in common: which models they have, who is next, and that all of it ends with the process
/// or with its leadership. Another replica that leads starts the same work: two at once would only do it twice.
/// </summary>
internal abstract class PreparationWorkers<TWork>(ModelGrants grants, ILeadership leadership, ControllersOptions options, TimeProvider time, Random random)
    : IPreparationWorkers, IHostedService, IDisposable
    where TWork : PreparationWork
{
    private readonly Dictionary<string, TWork> _works = [];
    private readonly PreparationQueue _queue = new(options.PreparationWorkers);
    private readonly CancellationTokenSource _stop = new();
    private Task _leading = Task.CompletedTask;

    public event Action<ModelKey>? Changed;

    public (int Waiting, int Running) Load
    {
        get
        {
            lock (Gate)
            {
                return (_queue.Waiting, _queue.AtWork);
            }
        }
    }

    /// <summary>Guards the queue and what is known of each model.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>Pauses between attempts. A minute at most: what passes (a registry that restarts, a network that flaps) has usually passed by then.</summary>
    protected Backoff<string> Backoff { get; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), random);

    protected TimeProvider Time => time;

    /// <summary>The process ends.</summary>
    protected CancellationToken Stopping => _stop.Token;

    public PreparationState StateOf(string uid)
    {
        lock (Gate)
        {
            return _works.TryGetValue(uid, out TWork? work) ? work.Describe() : new PreparationState.Idle();
        }
    }

    public void Start(ModelObject model)
    {
        lock (Gate)
        {
            if (_works.ContainsKey(model.Uid) || _stop.IsCancellationRequested)
            {
                return;
            }

            grants.Register(model);
            _works[model.Uid] = Create(model, CancellationTokenSource.CreateLinkedTokenSource(_stop.Token));
            _queue.Add(model.Uid, Owner(model));
            Fill();
        }
    }

    public virtual Task StopAsync(string uid) => ForgetAsync(uid);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _leading = ForgetWhenNotLeadingAsync();
        return Task.CompletedTask;
    }

    /// <summary>The process ends. What is committed stays committed, and the next process goes on from there.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        Task[] attempts;
        lock (Gate)
        {
            attempts = [.. _works.Values.Select(work => work.Attempt)];
        }

        await Task.WhenAll([.. attempts, _leading]).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stop.Dispose();

    protected abstract TWork Create(ModelObject model, CancellationTokenSource cancel);

    /// <summary>One attempt. Ends with <see cref="Done"/>, whatever happens.</summary>
    protected abstract Task RunAsync(TWork work);

    /// <summary>An attempt has ended, and the model is still wanted: is there to be another one? Called under the lock.</summary>
    protected abstract void AfterAttempt(TWork work);

    protected void Tell(TWork work) => Changed?.Invoke(work.Model.Key);

    /// <summary>Ends an attempt, and lets the next model have the worker.</summary>
    protected void Done(TWork work)
    {
        lock (Gate)
        {
            _queue.Done(work.Model.Uid);
            work.End();
            if (IsWanted(work))
            {
                AfterAttempt(work);
            }

            Fill();
        }
    }

    /// <summary>Puts a model that is still wanted into the queue again.</summary>
    protected void Requeue(TWork work, bool isLong)
    {
        lock (Gate)
        {
            if (IsWanted(work))
            {
                _queue.Add(work.Model.Uid, Owner(work.Model), isLong);
                Fill();
            }
        }
    }

    /// <summary>See <see cref="PreparationQueue.MayGoOn"/>.</summary>
    protected bool MayGoOn(TWork work, long bytes)
    {
        lock (Gate)
        {
            return _queue.MayGoOn(work.Model.Uid, bytes);
        }
    }

    /// <summary>Ends work on a model, or looking after its Job, and forgets it.</summary>
    protected async Task ForgetAsync(string uid)
    {
        TWork? work;
        lock (Gate)
        {
            if (!_works.Remove(uid, out work))
            {
                return;
            }

            _queue.Remove(uid);
            Backoff.Forget(uid);
        }

        await work.Cancel.CancelAsync();
        await work.Attempt.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        work.Cancel.Dispose();
    }

    private static string Owner(ModelObject model) => model.Key.Name.Namespace ?? "";

    private bool IsWanted(TWork work) => _works.GetValueOrDefault(work.Model.Uid) == work && !_stop.IsCancellationRequested;

    /// <summary>Called under the lock.</summary>
    private void Fill()
    {
        while (_queue.Take() is { } uid)
        {
            TWork work = _works[uid];
            work.Begin();
            work.Attempt = Task.Run(() => RunAsync(work), CancellationToken.None);
        }
    }

    private async Task ForgetWhenNotLeadingAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            CancellationToken lost = await leadership.AcquireAsync(_stop.Token);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, _stop.Token);
            await Task.Delay(Timeout.InfiniteTimeSpan, Time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string[] uids;
            lock (Gate)
            {
                uids = [.. _works.Keys];
            }

            await Task.WhenAll(uids.Select(ForgetAsync));
        }
    }
}
