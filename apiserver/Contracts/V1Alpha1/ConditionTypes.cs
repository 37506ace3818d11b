namespace AiModels.Contracts.V1Alpha1;

/// <summary>Types of conditions of our kinds.</summary>
public static class ConditionTypes
{
    /// <summary>True when the model can be delivered (or the catalog read). Its reason is the reason of the phase.</summary>
    public const string Ready = "Ready";

    /// <summary>Whether an upload session is open, and why not if it is not.</summary>
    public const string UploadSession = "UploadSession";

    /// <summary>True when the files hold code of their own that a loader would have to run (custom *.py).</summary>
    public const string CustomCode = "CustomCode";

    /// <summary>
    /// False when the registry has lost bytes of a Ready model, because they were no longer what their digests say; True when they are all there again. Absent while nothing
    /// was ever lost.
    /// </summary>
    public const string Intact = "Intact";
}
