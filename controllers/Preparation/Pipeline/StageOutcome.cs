namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>How a stage ended. Failures that are to be expected are values: why, in words for the user, and whether they pass by themselves.</summary>
internal abstract record StageOutcome
{
    private StageOutcome()
    {
    }

    /// <summary>On with the next stage.</summary>
    public static StageOutcome Done { get; } = new Success();

    public static StageOutcome Failed(string reason, string message) => new Failure(reason, message, IsRetryable: false);

    public static StageOutcome Retry(string reason, string message) => new Failure(reason, message, IsRetryable: true);

    public sealed record Success : StageOutcome;

    /// <param name="Reason">One of Contracts' reasons.</param>
    public sealed record Failure(string Reason, string Message, bool IsRetryable) : StageOutcome;
}
