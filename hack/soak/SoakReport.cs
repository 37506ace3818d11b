namespace AiModels.Soak;

/// <summary>What came out.</summary>
/// <param name="Summary">One line of numbers.</param>
/// <param name="Failures">What must not have happened, at most a screen of it; empty when all is well.</param>
public sealed record SoakReport(string Summary, IReadOnlyList<string> Failures);
