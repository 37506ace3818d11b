namespace AiModels.Controllers.Runtime;

/// <summary>
/// Brings the world of one key to what its object asks for. Level-based: called with a key and never with a change, so that a lost event costs time and
/// nothing else. The same key never runs twice at once; different keys do. Called again after a change of the object, after
/// <see cref="ReconcileResult.RequeueAfter"/>, and with growing delays after an exception. Must be idempotent: the process may die after any line of it.
/// </summary>
internal interface IReconciler<in TKey>
{
    /// <summary>An object that no longer exists is a normal key: clean up what is known of it and return <see cref="ReconcileResult.Done"/>.</summary>
    Task<ReconcileResult> ReconcileAsync(TKey key, CancellationToken cancellationToken);
}
