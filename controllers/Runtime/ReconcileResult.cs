namespace AiModels.Controllers.Runtime;

/// <summary>What a reconciler wants next.</summary>
internal readonly record struct ReconcileResult
{
    /// <summary>Look again after so long, even if nothing changes. Null: only when something changes.</summary>
    public TimeSpan? RequeueAfter { get; private init; }

    /// <summary>Try again with the queue's growing delay: an expected failure that has been reported already.</summary>
    public bool IsRetry { get; private init; }

    /// <summary>Nothing to do until something changes.</summary>
    public static ReconcileResult Done { get; }

    /// <summary>Try again with growing delays, as after an exception, but without the noise of one.</summary>
    public static ReconcileResult Retry { get; } = new() { IsRetry = true };

    /// <summary>Look again after so long.</summary>
    public static ReconcileResult After(TimeSpan delay) => new() { RequeueAfter = delay };
}
