using System.Buffers;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>Manifests: GET, HEAD, PUT and DELETE by tag and by digest (end-3, end-7, end-9).</summary>
internal sealed class Manifests(ManifestStore manifests, TagStore tags, TransferAccounts accounts)
{
    // The specification asks for ten at least; each is a durable write.
    private const int MaxTags = 100;

    public async Task GetAsync(RegistryRequest request)
    {
        Digest digest = await ResolveAsync(request);
        ManifestLink link = await manifests.FindAsync(request.Repository, digest, request.Aborted) ?? throw Unknown(request);
        HttpResponse response = request.Http.Response;
        string tag = $"\"{digest}\"";
        response.Headers.ETag = tag;
        response.Headers["Docker-Content-Digest"] = digest.ToString();
        if (request.Http.Request.Headers.IfNoneMatch.Any(value => value == tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = link.MediaType;
        response.ContentLength = link.Size;
        if (!request.IsHead)
        {
            byte[] content = await manifests.ReadAsync(digest, request.Aborted) ?? throw Unknown(request);
            await response.Body.WriteAsync(content, request.Aborted);
            accounts.Pulling(request.Caller, request.Repository).Add(content.Length);
        }
    }

    public async Task PutAsync(RegistryRequest request)
    {
        (Digest? named, List<string> names) = ReadReference(request);
        byte[] content = await ReadBodyAsync(request);
        Digest digest = ContentHash.Of(named?.Algorithm ?? ContentHash.Sha256, content);
        if (named is { } announced)
        {
            BlobStore.RequireDigest(announced, digest);
        }

        ManifestContent manifest = ManifestContent.Parse(content, MediaTypeOf(request.Http.Request));
        await manifests.PutAsync(request.Repository, digest, content, manifest, names, request.Aborted);
        accounts.Pushing(request.Caller, request.Repository).Add(content.Length);

        HttpResponse response = request.Http.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = $"/v2/{request.Repository}/manifests/{digest}";
        response.Headers["Docker-Content-Digest"] = digest.ToString();
        if (manifest.Subject is { } subject)
        {
            response.Headers["OCI-Subject"] = subject.ToString();
        }

        if (request.Http.Request.Query.ContainsKey("tag"))
        {
            response.Headers["OCI-Tag"] = string.Join(", ", names);
        }

        foreach (string warning in manifest.Warnings)
        {
            request.Warn(warning);
        }
    }

    /// <summary>A tag goes alone; a digest goes with every tag that names it.</summary>
    public async Task DeleteAsync(RegistryRequest request)
    {
        bool isDeleted = request.Target.Contains(':', StringComparison.Ordinal)
            ? await manifests.DeleteAsync(request.Repository, request.RequireDigestTarget(), request.Aborted)
            : Reference.IsTag(request.Target) && await tags.DeleteAsync(request.Repository, request.Target, request.Aborted);
        request.Http.Response.StatusCode = isDeleted ? StatusCodes.Status202Accepted : throw Unknown(request);
    }

    private async Task<Digest> ResolveAsync(RegistryRequest request)
    {
        if (request.Target.Contains(':', StringComparison.Ordinal))
        {
            return request.RequireDigestTarget();
        }

        // What can be no tag is none that is here: 404, which the specification has for every read of what is not there.
        Digest? digest = Reference.IsTag(request.Target) ? await tags.ResolveAsync(request.Repository, request.Target, request.Aborted) : null;
        return digest ?? throw Unknown(request);
    }

    /// <summary>By digest, with ?tag= for names; or by tag, where ?digest= may ask for another algorithm than sha256.</summary>
    private static (Digest? Digest, List<string> Tags) ReadReference(RegistryRequest request)
    {
        if (!request.Target.Contains(':', StringComparison.Ordinal))
        {
            Digest? asked = request.Query("digest") is { } text ? RegistryRequest.RequireDigest(text) : null;
            return (asked, [RegistryRequest.RequireTag(request.Target)]);
        }

        List<string> names = [.. request.Http.Request.Query["tag"].Select(tag => RegistryRequest.RequireTag(tag ?? ""))];
        return names.Count <= MaxTags
            ? (request.RequireDigestTarget(), names)
            : throw new RegistryException(RegistryError.TagInvalid, $"{names.Count} tags in one request; at most {MaxTags} are taken.");
    }

    private static async Task<byte[]> ReadBodyAsync(RegistryRequest request)
    {
        if (request.Http.Request.ContentLength > ManifestContent.MaxLength)
        {
            throw new RegistryException(RegistryError.ManifestTooLarge, $"The manifest has {request.Http.Request.ContentLength} bytes; at most {ManifestContent.MaxLength} are taken.");
        }

        var content = new ArrayBufferWriter<byte>((int)Math.Max(1024, (request.Http.Request.ContentLength ?? 0) + 1));
        int count;
        while ((count = await request.Http.Request.Body.ReadAsync(content.GetMemory(1024), request.Aborted)) > 0)
        {
            content.Advance(count);
            if (content.WrittenCount > ManifestContent.MaxLength)
            {
                throw new RegistryException(RegistryError.ManifestTooLarge, $"The manifest is larger than {ManifestContent.MaxLength} bytes.");
            }
        }

        return content.WrittenSpan.ToArray();
    }

    private static string? MediaTypeOf(HttpRequest request) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(request.ContentType, out Microsoft.Net.Http.Headers.MediaTypeHeaderValue? type) ? type.MediaType.Value : null;

    private static RegistryException Unknown(RegistryRequest request) => new(RegistryError.ManifestUnknown, $"{request.Repository} holds no manifest {request.Target}.");
}
