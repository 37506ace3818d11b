using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>Pushing blobs: in one request, in two, in chunks, or by mounting one that another repository holds (end-4 to end-6, end-11, end-13, end-14).</summary>
internal sealed class BlobUploads(BlobStore blobs, UploadStore uploads, TransferAccounts accounts)
{
    /// <summary>POST: opens an upload, or does the whole of it when digest or mount are given.</summary>
    public async Task StartAsync(RegistryRequest request)
    {
        if (request.Query("mount") is { } mount && await TryMountAsync(request, RegistryRequest.RequireDigest(mount)))
        {
            return;
        }

        if (request.Query("digest") is { } text)
        {
            Digest digest = RegistryRequest.RequireDigest(text);
            await blobs.PushAsync(request.Repository, digest, Metered(request), request.Http.Request.ContentLength, request.Aborted);
            Created(request, digest);
            return;
        }

        if (request.Query("digest-algorithm") is { } algorithm && algorithm is not (ContentHash.Sha256 or ContentHash.Sha512))
        {
            throw new RegistryException(RegistryError.DigestInvalid, $"digest-algorithm: '{algorithm}' is not supported: want {ContentHash.Sha256} or {ContentHash.Sha512}.");
        }

        Accepted(request, await uploads.StartAsync(request.Repository, request.Aborted), StatusCodes.Status202Accepted);
    }

    /// <summary>PATCH: appends.</summary>
    public async Task AppendAsync(RegistryRequest request)
    {
        ChunkRange chunk = ChunkRange.Of(request.Http.Request);

        // Not ended by a client that hangs up: what it had sent by then is still to be read and kept.
        UploadSession session = await uploads.GetAsync(request.Repository, request.Target, CancellationToken.None);
        await uploads.AppendAsync(session, Metered(request), chunk, CancellationToken.None);
        Accepted(request, session, StatusCodes.Status202Accepted);
    }

    /// <summary>PUT: appends the last bytes, if there are any, and closes.</summary>
    public async Task CompleteAsync(RegistryRequest request)
    {
        Digest digest = RegistryRequest.RequireDigest(request.Query("digest"));
        ChunkRange chunk = ChunkRange.Of(request.Http.Request);
        bool hasBody = request.Http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;
        UploadSession session = await uploads.GetAsync(request.Repository, request.Target, request.Aborted);
        await uploads.CompleteAsync(session, digest, Metered(request), hasBody ? chunk : chunk with { BodyLength = 0 }, request.Aborted);
        Created(request, digest);
    }

    /// <summary>GET: where the upload stands.</summary>
    public async Task StatusAsync(RegistryRequest request) =>
        Accepted(request, await uploads.GetCurrentAsync(request.Repository, request.Target, request.Aborted), StatusCodes.Status204NoContent);

    /// <summary>DELETE: gives the upload up.</summary>
    public async Task CancelAsync(RegistryRequest request)
    {
        await uploads.CancelAsync(await uploads.GetAsync(request.Repository, request.Target, request.Aborted), request.Aborted);
        request.Http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary>The headers that tell a client how to go on.</summary>
    internal static IReadOnlyList<KeyValuePair<string, string>> StateHeaders(UploadSession session) =>
    [
        new("Location", $"/v2/{session.Repository}/blobs/uploads/{session.Id}"),

        // The end is inclusive, so nothing and one byte look the same; clients know an empty upload by having sent nothing.
        new("Range", $"0-{Math.Max(0, session.Offset - 1)}"),
        new("Docker-Upload-UUID", session.Id),
    ];

    private static void Accepted(RegistryRequest request, UploadSession session, int status)
    {
        request.Http.Response.StatusCode = status;
        foreach ((string name, string value) in StateHeaders(session))
        {
            request.Http.Response.Headers[name] = value;
        }
    }

    private static void Created(RegistryRequest request, Digest digest)
    {
        request.Http.Response.StatusCode = StatusCodes.Status201Created;
        request.Http.Response.Headers.Location = $"/v2/{request.Repository}/blobs/{digest}";
        request.Http.Response.Headers["Docker-Content-Digest"] = digest.ToString();
    }

    /// <summary>Mounts if the caller may read the source and it holds the blob; otherwise the specification's fallback is an ordinary upload, which tells nothing.</summary>
    private async Task<bool> TryMountAsync(RegistryRequest request, Digest digest)
    {
        bool isMounted;
        if (request.Query("from") is { Length: > 0 } from)
        {
            if (!Reference.IsRepository(from))
            {
                throw RegistryRequest.InvalidName(from);
            }

            isMounted = request.Caller.Allows(from, GrantActions.Pull) && await blobs.MountAsync(from, request.Repository, digest, request.Aborted);
        }
        else
        {
            isMounted = request.Caller.IsUnrestricted
                ? await blobs.MountFromAnywhereAsync(request.Repository, digest, request.Aborted)
                : await blobs.MountAsync(request.Repository, request.Repository, digest, request.Aborted);
        }

        if (isMounted)
        {
            Created(request, digest);
        }

        return isMounted;
    }

    private Stream Metered(RegistryRequest request) => new MeteredStream(request.Http.Request.Body, accounts.Pushing(request.Caller, request.Repository));
}
