namespace AiModels.Registry.Api;

/// <summary>
/// The errors a client can meet: code, status and meaning. Codes of the distribution specification
/// (https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#error-codes), and those of ours that it has no word for.
/// </summary>
internal sealed record RegistryError(string Code, int Status, string Message)
{
    public static readonly RegistryError BlobUnknown = new("BLOB_UNKNOWN", 404, "The repository holds no such blob.");
    public static readonly RegistryError BlobUploadInvalid = new("BLOB_UPLOAD_INVALID", 400, "The upload cannot go on with this request.");
    public static readonly RegistryError BlobUploadUnknown = new("BLOB_UPLOAD_UNKNOWN", 404, "There is no such upload: it was finished, cancelled or has expired.");

    // 405 and not 409: the specification's answer where deleting is not possible, which stock clients take.
    public static readonly RegistryError BlobInUse = new("UNSUPPORTED", 405, "A manifest of this repository refers to the blob; delete the manifest first.");
    public static readonly RegistryError DigestInvalid = new("DIGEST_INVALID", 400, "The digest does not match the content, or is none.");
    public static readonly RegistryError ManifestBlobUnknown = new("MANIFEST_BLOB_UNKNOWN", 404, "The manifest refers to content that the repository does not hold.");
    public static readonly RegistryError ManifestInvalid = new("MANIFEST_INVALID", 400, "The manifest is not valid.");
    public static readonly RegistryError ManifestTooLarge = new("SIZE_INVALID", 413, "The manifest is larger than 4 MiB.");
    public static readonly RegistryError ManifestTooSlow = new("SIZE_INVALID", 408, "The manifest took too long to come.");
    public static readonly RegistryError ManifestUnknown = new("MANIFEST_UNKNOWN", 404, "The repository holds no such manifest.");
    public static readonly RegistryError NameInvalid = new("NAME_INVALID", 400, "The repository name is not valid.");
    public static readonly RegistryError TagInvalid = new("TAG_INVALID", 400, "The tag is not valid.");
    public static readonly RegistryError NameUnknown = new("NAME_UNKNOWN", 404, "There is no such repository.");
    public static readonly RegistryError SizeInvalid = new("SIZE_INVALID", 400, "The length does not match the content.");
    public static readonly RegistryError RangeInvalid = new("BLOB_UPLOAD_INVALID", 416, "The chunk does not begin where the upload stands.");
    public static readonly RegistryError RangeNotSatisfiable = new("SIZE_INVALID", 416, "The range lies outside of the blob.");
    public static readonly RegistryError ParameterInvalid = new("PAGINATION_NUMBER_INVALID", 400, "A query parameter is not valid.");
    public static readonly RegistryError Unauthorized = new("UNAUTHORIZED", 401, "A grant is required.");
    public static readonly RegistryError Denied = new("DENIED", 403, "The grant does not allow this.");
    public static readonly RegistryError Unsupported = new("UNSUPPORTED", 405, "The operation is not supported here.");
    public static readonly RegistryError NotFound = new("UNSUPPORTED", 404, "There is nothing at this address.");
    public static readonly RegistryError TooManyUploads = new("TOOMANYREQUESTS", 429, "Too many uploads of the repository are unfinished; finish or cancel some.");
    public static readonly RegistryError InsufficientStorage = new("DENIED", 507, "The registry has no room for this content.");
    public static readonly RegistryError DocumentInvalid = new("UNSUPPORTED", 400, "The document in the request is not valid.");
    public static readonly RegistryError Unavailable = new("UNAVAILABLE", 503, "The registry's storage does not answer; try again later.");
    public static readonly RegistryError Internal = new("UNKNOWN", 500, "The registry failed; its log says why.");
}
