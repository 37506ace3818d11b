namespace AiModels.Controllers.Integrity;

/// <summary>What is being done about lost content of a model.</summary>
/// <param name="IsRunning">Bytes are on their way.</param>
/// <param name="Problem">Why the last attempt did not bring everything back; null when it did, or while it is the first.</param>
/// <param name="IsRetried">Whether another attempt may end otherwise.</param>
internal sealed record RepairState(bool IsRunning, string? Problem = null, bool IsRetried = true)
{
    /// <summary>What was to be brought back.</summary>
    public required IReadOnlySet<string> Digests { get; init; }

    /// <summary>When the last attempt ended.</summary>
    public DateTimeOffset EndedAt { get; init; }
}
