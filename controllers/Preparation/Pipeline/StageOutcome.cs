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

    /// <summary>Nothing is wrong: others come first, and the preparation begins again when it is its turn.</summary>
    public static StageOutcome Postponed(string message) => new Postponement(message);

    public sealed record Success : StageOutcome;

    public sealed record Postponement(string Message) : StageOutcome;

    /// <param name="Reason">One of Contracts' reasons.</param>
    public sealed record Failure(string Reason, string Message, bool IsRetryable) : StageOutcome;
}
