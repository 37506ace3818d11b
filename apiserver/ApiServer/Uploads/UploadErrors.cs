using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiServer.Uploads;

/// <summary>Everything an upload can be refused with: status, reason and one sentence a person can act on.</summary>
internal static class UploadErrors
{
    /// <summary>400: the request itself makes no sense.</summary>
    public static ApiException Bad(string message) => ApiError.BadRequest(message);

    /// <summary>400: the body ended early. What arrived is kept.</summary>
    public static ApiException TooShort(long offset, long? length) =>
        Bad($"the body ended at byte {offset}{(length is null ? "" : $" of {length}")}; what arrived is kept: go on from offset {offset}, or send the whole file again");

    /// <summary>404: nobody opened a session.</summary>
    public static ApiException NoSession() => ApiError.Make(404, "NotFound", "there is no upload session; create one on this path");

    /// <summary>408: no byte came for too long. What arrived is kept.</summary>
    public static ApiException Stalled(TimeSpan patience) =>
        ApiError.Make(408, "Timeout", $"no bytes came for {patience.TotalSeconds:0} seconds; what arrived is kept: ask for the offset with HEAD and go on from there");

    /// <summary>409: the offset is not where the upload stands (tus 1.0, PATCH).</summary>
    public static ApiException WrongOffset(long given, long actual) =>
        ApiError.Make(409, "Conflict", $"Upload-Offset is {given}, but the upload stands at {actual}; ask with HEAD and go on from there");

    /// <summary>409: the bytes are all there and are not replaced.</summary>
    public static ApiException AlreadyReceived() =>
        ApiError.Make(409, "Conflict", "the upload is complete and cannot be replaced; for other content create another object");

    /// <summary>409: somebody sends at the same time and does not stop.</summary>
    public static ApiException Busy() => ApiError.Make(409, "Conflict", "another transfer of this upload is under way; try again in a moment");

    /// <summary>409: another replica has it. The client is told when it may come again.</summary>
    public static ApiException HeldElsewhere(TimeSpan left)
    {
        int seconds = Math.Max(1, (int)Math.Ceiling(left.TotalSeconds));
        return ApiError.Make(
            409, "Conflict", $"another replica of this server is receiving the upload; try again in {seconds} seconds, from the offset that HEAD tells then",
            new JsonObject { ["retryAfterSeconds"] = seconds });
    }

    /// <summary>409: another replica took over from this one, which had not heard of its client for long. What was acknowledged is kept.</summary>
    public static ApiException TakenOver() =>
        ApiError.Make(409, "Conflict", "another replica of this server goes on with the upload; ask for the offset with HEAD and go on from there");

    /// <summary>409: the model does not wait for an upload.</summary>
    public static ApiException NotForUpload(string message) => ApiError.Make(409, "Conflict", message);

    /// <summary>409: a file of another length is under way.</summary>
    public static ApiException OtherUnderWay(long announced, long offset) => ApiError.Make(
        409, "Conflict", $"an upload of {announced} bytes is under way and stands at {offset}: go on with it, or DELETE it and create a new session for the other file");

    /// <summary>410: there is nothing left to upload for.</summary>
    public static ApiException ModelGone(string name) =>
        ApiError.Make(410, "Gone", $"the model \"{name}\" is deleted or being deleted, and its upload with it; create the model again and upload with the new session");

    /// <summary>410: the session is over.</summary>
    public static ApiException Gone(string why) => ApiError.Make(410, "Gone", $"the upload session {why}; create a new one on this path to get a new token");

    /// <summary>411: the length must be announced so that room can be reserved.</summary>
    public static ApiException LengthRequired() =>
        ApiError.Make(411, "LengthRequired", "storage is limited, so the length must be announced: send Content-Length (or Upload-Length)");

    /// <summary>412: another version of tus.</summary>
    public static ApiException WrongTusVersion(string version) =>
        ApiError.Make(412, "PreconditionFailed", $"Tus-Resumable is '{version}'; this server speaks {TusProtocol.Version}");

    /// <summary>412: a PATCH that does not say its protocol.</summary>
    public static ApiException NoTusVersion() =>
        ApiError.Make(412, "PreconditionFailed", $"PATCH here is the tus protocol: send Tus-Resumable: {TusProtocol.Version} (a whole file goes by PUT)");

    /// <summary>413: longer than this server takes.</summary>
    public static ApiException AboveMaximum(long length, long maximum) =>
        TooLong($"the file has {length} bytes, and uploads may have {maximum} (--max-upload-size of the API server)");

    /// <summary>413: more bytes than announced, or than can be taken without an announcement.</summary>
    public static ApiException TooLong(string message) => ApiError.Make(413, "RequestEntityTooLarge", message);

    /// <summary>415: a PATCH that is not tus.</summary>
    public static ApiException NotTus() =>
        ApiError.Make(415, "UnsupportedMediaType", $"PATCH here is the tus protocol: send Content-Type {TusProtocol.ContentType} and Upload-Offset");

    /// <summary>422: the name or the first bytes are not of a kind that can be uploaded. The session stays usable.</summary>
    public static ApiException WrongContent(string message) => ApiError.Make(422, "Invalid", message);

    /// <summary>460 (tus "checksum"): the piece is not what its checksum says. Nothing of it counts.</summary>
    public static ApiException ChecksumMismatch() =>
        ApiError.Make(460, "ChecksumMismatch", "the body is not what Upload-Checksum says; nothing of it was kept: send the piece again");

    /// <summary>503: the registry does not take bytes now. What was committed stays.</summary>
    public static ApiException RegistryUnavailable() =>
        ApiError.ServiceUnavailable("the registry cannot store the upload now; what was stored is kept: go on from the offset that HEAD tells", 5);

    /// <summary>507: no room. The session stays usable.</summary>
    /// <param name="bytes">How many were asked for and are free, as the registry says it.</param>
    public static ApiException NoRoom(string? bytes) =>
        ApiError.Make(507, "InsufficientStorage", $"there is not enough storage for this upload{(bytes is null ? "" : $" ({bytes.TrimEnd('.')})")}; free some and send it again with the same token");
}
