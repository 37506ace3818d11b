using System.ComponentModel.DataAnnotations;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>
/// UploadSession opens or describes the upload of a model's file, the way TokenRequest does for tokens: create it on the subresource
/// /upload and the answer's status holds URL, bearer token and expiry.
/// </summary>
public sealed record UploadSession
{
    public string ApiVersion { get; init; } = GroupVersion.ApiVersion;
    public string Kind { get; init; } = "UploadSession";
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>What the uploader announces. All of it may be left out.</summary>
    public UploadSessionSpec? Spec { get; init; }

    /// <summary>The session.</summary>
    public UploadSessionStatus? Status { get; init; }
}

/// <summary>What an uploader announces.</summary>
public sealed record UploadSessionSpec
{
    /// <summary>File name, whose extension chooses how the bytes are read: .gguf, .tar, .tar.gz, .tgz, .zip, .tar.zst, .tar.zstd, .tzst. The content must agree.</summary>
    public string? FileName { get; init; }

    /// <summary>Length of the file in bytes.</summary>
    [Range(1, long.MaxValue)]
    public long? LengthBytes { get; init; }
}

/// <summary>State of an upload session.</summary>
public sealed record UploadSessionStatus
{
    /// <summary>Waiting, Receiving, Received, Completed, Expired or Aborted.</summary>
    [AllowedValues(UploadStates.Waiting, UploadStates.Receiving, UploadStates.Received, UploadStates.Completed, UploadStates.Expired, UploadStates.Aborted)]
    public string? State { get; init; }

    /// <summary>Where to send the bytes: curl -T FILE -H "Authorization: Bearer TOKEN" URL. The token is never part of it.</summary>
    public string? Url { get; init; }

    /// <summary>Bearer token of this session. Only the answer to create holds it.</summary>
    public string? Token { get; init; }

    /// <summary>When the session ends if no more bytes arrive.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>How many bytes are stored for good: where an interrupted upload goes on.</summary>
    [Range(0, long.MaxValue)]
    public long? OffsetBytes { get; init; }

    /// <summary>Announced length in bytes, when it is known.</summary>
    [Range(0, long.MaxValue)]
    public long? LengthBytes { get; init; }

    /// <summary>Announced file name, when it is known.</summary>
    public string? FileName { get; init; }

    /// <summary>Digest of the OCI manifest that lists the received chunks, once all bytes have arrived. For the controllers.</summary>
    public string? ReceivedDigest { get; init; }
}

/// <summary>Values of <see cref="UploadSessionStatus.State"/>.</summary>
public static class UploadStates
{
    /// <summary>Open, no byte yet.</summary>
    public const string Waiting = "Waiting";

    /// <summary>Some bytes are stored, more are awaited.</summary>
    public const string Receiving = "Receiving";

    /// <summary>All bytes are stored; preparation has the word.</summary>
    public const string Received = "Received";

    /// <summary>The model was made from the upload.</summary>
    public const string Completed = "Completed";

    /// <summary>Time ran out. Create opens a new session.</summary>
    public const string Expired = "Expired";

    /// <summary>Deleted by hand.</summary>
    public const string Aborted = "Aborted";
}
