namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>One model as its workers know it, over all attempts.</summary>
/// <param name="cancel">Ends the work: the reconciler wants no more of it, another replica leads, or the process ends.</param>
internal abstract class PreparationWork(ModelObject model, CancellationTokenSource cancel)
{
    public ModelObject Model => model;

    public CancellationTokenSource Cancel => cancel;

    /// <summary>The attempt that goes on, or the last one.</summary>
    public Task Attempt { get; set; } = Task.CompletedTask;

    /// <summary>What is being done. Called under the workers' lock.</summary>
    public abstract PreparationState Describe();

    /// <summary>An attempt begins. Called under the workers' lock.</summary>
    public virtual void Begin()
    {
    }

    /// <summary>An attempt has ended. Called under the workers' lock.</summary>
    public virtual void End()
    {
    }
}
