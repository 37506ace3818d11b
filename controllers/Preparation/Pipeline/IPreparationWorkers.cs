namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// Those who carry the bytes. In this process, or as Jobs of the cluster: the reconciler cannot tell. Everything here may be forgotten at any moment (the process
/// dies); then the state is <see cref="PreparationState.Idle"/> and starting again goes on where it was.
/// </summary>
internal interface IPreparationWorkers
{
    /// <summary>What is being done about the model.</summary>
    PreparationState StateOf(string uid);

    /// <summary>Asks for the model to be prepared. Again for the same model changes nothing.</summary>
    void Start(ModelObject model);

    /// <summary>
    /// Ends work on the model and forgets it. Completes when nothing touches its repository any more; throws <see cref="TimeoutException"/>, with words for the
    /// user, when that takes long. To be called again then.
    /// </summary>
    Task StopAsync(string uid);

    /// <summary>How many models wait for a worker, and how many have one.</summary>
    (int Waiting, int Running) Load { get; }

    /// <summary>Called, on any thread, when the state of a model changed or went on.</summary>
    event Action<ModelKey> Changed;
}
