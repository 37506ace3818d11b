using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Capacity;
using AiModels.Registry.Grants;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>
/// <c>GET /integrity</c> tells everybody with a grant how many blobs are lost, and those who may inspect, how far the scrubber is and what lies in quarantine; <c>GET /integrity/repositories/NAME</c> (pull grant) what of it
/// that repository has lost, and <c>PUT</c> there with <c>?digest=</c> takes a lost blob back.
/// </summary>
internal sealed class IntegrityEndpoints(
    GrantAuthentication authentication, Scrubber scrubber, Quarantine quarantine, RepositoryOwners owners, BlobStore blobs, TransferAccounts accounts)
{
    public async Task GetAsync(HttpContext http)
    {
        Caller caller = authentication.Authenticate(http, "", GrantActions.Pull);
        var request = new RegistryRequest(http, "", "", caller);
        var lost = new List<LostContent>();
        await foreach (LostBlob blob in quarantine.ListAsync(request.Aborted))
        {
            lost.Add(LostContent.Of(blob));
        }

        // What others own is not told to everybody who may read something.
        IntegrityStatement statement = caller.Allows(GrantActions.Registry, GrantActions.Inspect)
            ? new() { Missing = lost.Count, Scrub = await scrubber.ReadStateAsync(request.Aborted), Lost = lost }
            : new() { Missing = lost.Count };
        await request.WriteJsonAsync(statement, RegistryJson.Default.IntegrityStatement);
    }

    public async Task GetRepositoryAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Pull);
        IReadOnlyList<LostBlob> lost = await quarantine.OfRepositoryAsync(name, request.Aborted);
        var statement = new RepositoryIntegrity { Repository = name, Owner = await owners.FindAsync(name, request.Aborted), Lost = [.. lost.Select(LostContent.Of)] };
        await request.WriteJsonAsync(statement, RegistryJson.Default.RepositoryIntegrity);
    }

    /// <summary>
    /// Whoever may read a repository may give back what it has lost: the digest says which bytes these are, so nothing can come in that was not there. Asked before the body is read, so that
    /// a client that expects 100 Continue sends nothing in vain.
    /// </summary>
    public async Task RestoreAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Pull);
        Digest digest = RegistryRequest.RequireDigest(request.Query("digest"));
        if (http.Request.ContentLength is not { } length || length > ChunkSize.Largest)
        {
            throw new RegistryException(RegistryError.SizeInvalid, $"Content-Length: '{http.Request.ContentLength}' is not the length of a blob to give back: want at most {ChunkSize.Largest}.");
        }

        if (!await quarantine.HasLostAsync(name, digest, request.Aborted))
        {
            throw new RegistryException(RegistryError.NotFound, $"{name} has not lost {digest}.");
        }

        await blobs.PushAsync(name, digest, new MeteredStream(http.Request.Body, accounts.Pushing(request.Caller, name)), length, request.Aborted);
        http.Response.StatusCode = StatusCodes.Status201Created;
        http.Response.Headers.Location = $"/v2/{name}/blobs/{digest}";
    }
}

/// <summary>How sound the registry is.</summary>
internal sealed record IntegrityStatement
{
    /// <summary>How many blobs in quarantine nobody has brought again.</summary>
    public required long Missing { get; init; }

    /// <summary>For those who may inspect.</summary>
    public ScrubState? Scrub { get; init; }

    /// <summary>The missing blobs, for those who may inspect.</summary>
    public IReadOnlyList<LostContent>? Lost { get; init; }
}

/// <summary>How sound one repository is.</summary>
internal sealed record RepositoryIntegrity
{
    public required string Repository { get; init; }

    public RepositoryOwner? Owner { get; init; }

    public required IReadOnlyList<LostContent> Lost { get; init; }
}

/// <summary>A blob that is missing because its bytes have rotted.</summary>
internal sealed record LostContent(string Digest, long Bytes, DateTimeOffset Since)
{
    public static LostContent Of(LostBlob blob) => new(blob.Digest.ToString(), blob.Bytes, blob.Since);
}
