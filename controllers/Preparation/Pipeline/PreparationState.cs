using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>What the workers are doing about a model.</summary>
internal abstract record PreparationState
{
    private PreparationState()
    {
    }

    /// <summary>Nothing was asked for, or this process has forgotten it.</summary>
    public sealed record Idle : PreparationState;

    /// <summary>Waiting for a free worker.</summary>
    /// <param name="Message">What else is to be said of it: null before its first attempt.</param>
    public sealed record Queued(string? Message = null, ResolvedSource? Source = null) : PreparationState;

    /// <summary>At work.</summary>
    /// <param name="Reason">One of the running reasons.</param>
    /// <param name="Fraction">How much of it is done, 0 to 1.</param>
    /// <param name="Source">What the source was resolved to, once it is: to be frozen in the status before bytes are kept.</param>
    public sealed record Running(string Reason, string Message, double Fraction, ResolvedSource? Source = null) : PreparationState;

    /// <summary>Interrupted by something that passes; it goes on by itself.</summary>
    public sealed record Retrying(string Message, double Fraction, ResolvedSource? Source = null) : PreparationState;

    /// <summary>Done.</summary>
    public sealed record Succeeded(PreparationResult Result) : PreparationState;

    /// <summary>Cannot be done.</summary>
    public sealed record Failed(string Reason, string Message) : PreparationState;
}
