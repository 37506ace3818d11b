using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Storage;

/// <summary>
/// The layout of the folder or bucket, and the only place that builds or reads its paths.
/// <code>
/// blobs/sha256/ab/abcd…                                    bytes, once for all repositories: layers, configs and manifests
/// repositories/models/UID/
///   _blobs/sha256/abcd…                                    empty: this repository holds that blob; nobody else's is readable through it
///   _manifests/sha256/abcd…                                {"mediaType","size"}: this repository holds that manifest
///   _tags/model                                            the digest the tag names
///   _referrers/sha256/SUBJECT/sha256/abcd…                 the descriptor of a manifest whose subject is SUBJECT
///   _owner/model                                           {"kind","namespace","name"}: the model whose bytes these are, where its owner said so
/// quarantine/sha256/abcd…                                  bytes that are no longer what their digest says; never served
/// spares/sha256/abcd…                                      a second copy of a manifest or a config, for when the first one rots
/// uploads/ID/session                                       {"repository","startedAt"} of an unfinished blob upload
/// uploads/ID/parts/00000000000000000000                    its bytes from that offset, one object per request that brought some
///                                                          in a bucket parts/GUID, because several replicas may bring bytes for one offset at the same time, and then
/// uploads/ID/claims/00000000000000000000                   {"part","length","isProven"}: whose bytes continue the upload at that offset; the first claim wins, forever
/// cleanup/ID                                               a request to forget a repository, until its space is free
/// capacity/NAME/_reservation                               room that is kept for what the repository NAME will still need
/// collection/state                                         what the last garbage collection did
/// revocations/ID                                           a grant that is no longer good, or a subject whose grants are not
/// scrub/state, scrub/leases/N                              how far the scrubber is, and who scrubs
/// collection/running                                       how far the one is that runs, or was interrupted
/// collection/condemned/sha256/abcd…, collection/verdicts/ID, collection/leases/N     between processes that share a bucket: see CondemnedDigests and CollectionLease
/// </code>
/// Segments that begin with <c>_</c> cannot be part of a repository's name, so names nest freely. A digest is checked before it becomes part of a path, a name and a tag likewise.
/// </summary>
internal static class StoragePaths
{
    public const string Blobs = "blobs/";
    public const string Repositories = "repositories/";
    public const string Quarantine = "quarantine/";
    public const string Spares = "spares/";
    public const string Uploads = "uploads/";
    public const string Cleanup = "cleanup/";
    public const string CollectionState = "collection/state";
    public const string RunningCollection = "collection/running";
    public const string Condemned = "collection/condemned/";
    public const string Verdicts = "collection/verdicts/";
    public const string Leases = "collection/leases/";
    public const string Revocations = "revocations/";
    public const string ScrubState = "scrub/state";
    public const string ScrubLeases = "scrub/leases/";
    public const string Capacity = "capacity/";

    private const string BlobLinks = "_blobs/";
    private const string ManifestLinks = "_manifests/";
    private const string TagLinks = "_tags/";
    private const string ReferrerLinks = "_referrers/";
    private const string OwnerNotes = "_owner/";
    private const string ReservationName = "/_reservation";

    public static string Blob(Digest digest) => $"{Blobs}{digest.Algorithm}/{digest.Hex[..2]}/{digest.Hex}";

    public static string BlobLink(string repository, Digest digest) => BlobLinksOf(repository) + Tail(digest);

    public static string BlobLinksOf(string repository) => $"{Repositories}{repository}/{BlobLinks}";

    public static string ManifestLink(string repository, Digest digest) => ManifestLinksOf(repository) + Tail(digest);

    public static string ManifestLinksOf(string repository) => $"{Repositories}{repository}/{ManifestLinks}";

    public static string Tag(string repository, string tag) => TagsOf(repository) + tag;

    public static string TagsOf(string repository) => $"{Repositories}{repository}/{TagLinks}";

    public static string Referrer(string repository, Digest subject, Digest manifest) => ReferrersOf(repository, subject) + Tail(manifest);

    public static string ReferrersOf(string repository, Digest subject) => $"{ReferrersOf(repository)}{Tail(subject)}/";

    public static string ReferrersOf(string repository) => $"{Repositories}{repository}/{ReferrerLinks}";

    /// <summary>A repository's folders in the order in which they must go: nothing may name what is gone already.</summary>
    public static IReadOnlyList<string> FoldersOf(string repository) => [TagsOf(repository), ReferrersOf(repository), ManifestLinksOf(repository), BlobLinksOf(repository), OwnerOf(repository)];

    /// <summary>The folder of the note whose a repository is.</summary>
    public static string OwnerOf(string repository) => $"{Repositories}{repository}/{OwnerNotes}";

    public static string Owner(string repository) => OwnerOf(repository) + "model";

    public static string Reservation(string repository) => $"{Capacity}{repository}{ReservationName}";

    /// <summary>Reads a path below <c>capacity/</c>.</summary>
    public static bool TryReadReservation(string path, [NotNullWhen(true)] out string? repository)
    {
        bool isOne = path.StartsWith(Capacity, StringComparison.Ordinal) && path.EndsWith(ReservationName, StringComparison.Ordinal);
        repository = isOne ? path[Capacity.Length..^ReservationName.Length] : null;
        return isOne;
    }

    public static string Upload(string id) => $"{Uploads}{id}/";

    public static string UploadSession(string id) => $"{Uploads}{id}/session";

    public static string UploadParts(string id) => $"{Uploads}{id}/parts/";

    public static string UploadPart(string id, long offset) => UploadParts(id) + offset.ToString("D20", CultureInfo.InvariantCulture);

    /// <summary>A part whose place is told by a claim.</summary>
    public static string UploadPart(string id, Guid part) => UploadParts(id) + part.ToString("N");

    public static string UploadClaims(string id) => $"{Uploads}{id}/claims/";

    public static string UploadClaim(string id, long offset) => UploadClaims(id) + offset.ToString("D20", CultureInfo.InvariantCulture);

    public static string Quarantined(Digest digest) => Quarantine + Tail(digest);

    public static string Spare(Digest digest) => Spares + Tail(digest);

    public static string CondemnedNote(Digest digest) => Condemned + Tail(digest);

    public static string Verdict(string id) => Verdicts + id;

    public static string Lease(string folder, long term) => folder + term.ToString("D20", CultureInfo.InvariantCulture);

    public static string Revocation(string id) => Revocations + id;

    public static string CleanupRequest(string id) => Cleanup + id;

    /// <summary>Reads a path below <c>blobs/</c>.</summary>
    public static bool TryReadBlob(string path, out Digest digest) => TryReadTail(path, out digest);

    /// <summary>Reads a path below <c>repositories/</c>: whose it is, and what it links.</summary>
    public static bool TryReadLink(string path, [NotNullWhen(true)] out string? repository, out LinkKind kind, out Digest digest)
    {
        repository = null;
        digest = default;
        (kind, string marker) = path switch
        {
            _ when path.Contains("/" + BlobLinks, StringComparison.Ordinal) => (LinkKind.Blob, "/" + BlobLinks),
            _ when path.Contains("/" + ManifestLinks, StringComparison.Ordinal) => (LinkKind.Manifest, "/" + ManifestLinks),
            _ when path.Contains("/" + TagLinks, StringComparison.Ordinal) => (LinkKind.Tag, "/" + TagLinks),
            _ when path.EndsWith("/" + OwnerNotes + "model", StringComparison.Ordinal) => (LinkKind.Owner, "/" + OwnerNotes),
            _ => (LinkKind.Other, "/_"),
        };
        int end = path.IndexOf(marker, StringComparison.Ordinal);
        if (end < Repositories.Length || !path.StartsWith(Repositories, StringComparison.Ordinal))
        {
            return false;
        }

        repository = path[Repositories.Length..end];
        return kind is LinkKind.Tag or LinkKind.Owner or LinkKind.Other || TryReadTail(path, out digest);
    }

    /// <summary>Whether a path is that of bytes that an upload brought.</summary>
    public static bool IsUploadPart(string path) => path.StartsWith(Uploads, StringComparison.Ordinal) && path.Contains("/parts/", StringComparison.Ordinal);

    /// <summary>The id in a path below <c>uploads/</c>.</summary>
    public static string UploadIdOf(string path) => path[Uploads.Length..path.IndexOf('/', Uploads.Length)];

    /// <summary>The offset in the path of a part.</summary>
    public static long PartOffsetOf(string path) => long.Parse(path.AsSpan(path.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>The manifest in the path of a referrer, and the last segment of any path that ends in a digest.</summary>
    public static bool TryReadTail(string path, out Digest digest)
    {
        digest = default;
        string[] segments = path.Split('/');
        if (segments.Length < 2)
        {
            return false;
        }

        // blobs/ has a folder of two hex digits between algorithm and digest.
        string algorithm = segments[^2].Length == 2 && segments.Length >= 3 ? segments[^3] : segments[^2];
        return Digest.TryParse($"{algorithm}:{segments[^1]}", out digest);
    }

    private static string Tail(Digest digest) => $"{digest.Algorithm}/{digest.Hex}";
}

/// <summary>What a file in a repository's folder is.</summary>
internal enum LinkKind
{
    Blob,
    Manifest,
    Tag,
    Owner,
    Other,
}
