namespace AiModels.ApiMachinery.Apply;

/// <summary>Why an apply was refused; the handlers turn it into a Status.</summary>
public enum ApplyProblem
{
    /// <summary>400 BadRequest with the message (contract M20).</summary>
    BadRequest,

    /// <summary>500 without a reason, with the message (contract V7, M32). Flux depends on its not being a 422.</summary>
    NotInSchema,

    /// <summary>409 Conflict with the message and causes; details hold neither name nor kind (contract M30).</summary>
    Conflict,
}

/// <summary>A field that somebody else owns with another value: one cause of the Status.</summary>
/// <param name="Message">conflict with "manager" using version.</param>
/// <param name="Field">.spec.list[name="a"].value.</param>
public sealed record ApplyConflict(string Message, string Field)
{
    /// <summary>Reason of the cause; kubectl looks for it.</summary>
    public const string Reason = "FieldManagerConflict";
}

/// <summary>A server-side apply that cannot be done.</summary>
public sealed class ApplyException(ApplyProblem problem, string message) : Exception(message)
{
    public ApplyProblem Problem { get; } = problem;

    /// <summary>The causes, for <see cref="ApplyProblem.Conflict"/>.</summary>
    public IReadOnlyList<ApplyConflict> Conflicts { get; init; } = [];
}
