using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;

namespace AiModels.Controllers.Preparation.Decisions;

/// <summary>status.progress: never backwards while bytes are kept, below 100 % until Ready (requirement Q9).</summary>
internal static class ProgressDecision
{
    // Of an upload, sending the bytes is the long part.
    private const double UploadShare = 90;

    // 100 is for Ready alone.
    private const double Most = 99;

    /// <summary>The percentage to show.</summary>
    public static string Decide(ModelFacts facts, string phase)
    {
        if (phase == Phases.Ready)
        {
            return Text(100);
        }

        // A new session after an expired one begins with nothing: what had arrived is gone.
        bool startsAnew = phase == Phases.WaitForUpload && facts.Upload?.State is UploadStates.Waiting or UploadStates.Expired or UploadStates.Aborted;
        double known = startsAnew ? 0 : Parse(facts.Status.Progress);
        return Text(Math.Max(known, Now(facts, phase)));
    }

    /// <summary>How much is done while workers are at it.</summary>
    /// <param name="fraction">Of the workers' own part, 0 to 1.</param>
    public static double Preparing(bool isUpload, double fraction) =>
        isUpload ? UploadShare + (fraction * (Most - UploadShare)) : fraction * Most;

    /// <summary>The workers' own part again, from a percentage that was made with <see cref="Preparing"/>: what another process reported.</summary>
    public static double Fraction(bool isUpload, string? text)
    {
        double start = isUpload ? UploadShare : 0;
        return Math.Clamp((Parse(text) - start) / (Most - start), 0, 1);
    }

    // What was read from a percentage must give the same percentage, whatever the division left behind the point.
    public static string Text(double percent) => $"{(int)(percent + 1e-6)}%";

    private static double Now(ModelFacts facts, string phase) => facts.Work switch
    {
        PreparationState.Running running => Preparing(facts.IsUpload, running.Fraction),
        PreparationState.Retrying retrying => Preparing(facts.IsUpload, retrying.Fraction),
        _ when phase == Phases.WaitForUpload => facts.Upload is { OffsetBytes: { } offset, LengthBytes: > 0 and var length } ? Math.Min(1, (double)offset / length) * UploadShare : 0,
        _ when phase == Phases.Publishing && facts.IsUpload => UploadShare,
        _ => 0,
    };

    /// <summary>What a status said; at most 99, because 100 is for Ready alone.</summary>
    public static double Parse(string? text) =>
        text is not null && text.EndsWith('%') && int.TryParse(text.AsSpan(0, text.Length - 1), out int percent) ? Math.Min(percent, Most) : 0;
}
