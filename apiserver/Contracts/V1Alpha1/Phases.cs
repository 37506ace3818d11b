namespace AiModels.Contracts.V1Alpha1;

/// <summary>Values of status.phase.</summary>
public static class Phases
{
    /// <summary>Seen, nothing moved yet.</summary>
    public const string Pending = "Pending";

    /// <summary>An upload session is open (or was; see the condition UploadSession).</summary>
    public const string WaitForUpload = "WaitForUpload";

    /// <summary>Bytes are being fetched, verified and stored. An interruption does not leave this phase.</summary>
    public const string Publishing = "Publishing";

    /// <summary>Verified, stored, described and mountable.</summary>
    public const string Ready = "Ready";

    /// <summary>Did not work; the Ready condition says why.</summary>
    public const string Failed = "Failed";

    /// <summary>Deleted by the user; its content is being queued for cleanup.</summary>
    public const string Deleting = "Deleting";
}
