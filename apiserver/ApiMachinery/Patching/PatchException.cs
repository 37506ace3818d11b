namespace AiModels.ApiMachinery.Patching;

/// <summary>Why a patch was refused; the handlers turn it into a Status.</summary>
public enum PatchProblem
{
    /// <summary>The document is not a patch: 400 BadRequest with the message (contract P4, P5).</summary>
    Malformed,

    /// <summary>It cannot be carried out (a test failed, a path is missing, an operation is none that exists): 422 (contract P4).</summary>
    Rejected,

    /// <summary>Too many operations, or too much copied: 413 with the message (contract P4).</summary>
    TooLarge,
}

/// <summary>A patch that cannot be applied.</summary>
public sealed class PatchException(PatchProblem problem, string message) : Exception(message)
{
    public PatchProblem Problem { get; } = problem;

    internal static PatchException Malformed(string message) => new(PatchProblem.Malformed, message);

    internal static PatchException Rejected(string message) => new(PatchProblem.Rejected, message);
}
