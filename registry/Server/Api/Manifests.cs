using System.Buffers;
using System.Security.Cryptography;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Api;

/// <summary>Manifests: GET, HEAD, PUT and DELETE by tag and by digest (end-3, end-7, end-9).</summary>
internal sealed class Manifests(ManifestStore manifests, TagStore tags, ManifestTurns turns, BlobCheck check, TransferAccounts accounts)
{
    // Of 4 MiB at most, to clients of any pace.
    private const int CopySize = 64 * 1024;

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
        if (EntityTags.Match(request.Http.Request.Headers.IfNoneMatch, tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = link.MediaType;
        response.ContentLength = link.Size;
        if (request.IsHead)
        {
            // Bytes that have rotted are gone though their link is not: who asks in order to push must know.
            response.StatusCode = await manifests.IsStoredAsync(digest, request.Aborted) ? StatusCodes.Status200OK : throw Unknown(request);
            return;
        }

        if (!await TrySendAsync(request, digest, link.Size))
        {
            // It is made whole or put aside now, not when the scrubber comes by. A client that has got some of it already is cut off, and finds that when it asks again.
            await check.WasRottenAsync(digest, null, request.Aborted);
            if (response.HasStarted || !await TrySendAsync(request, digest, link.Size))
            {
                throw new RegistryException(RegistryError.Unavailable, $"The stored bytes of manifest {digest} are not what the digest says.");
            }
        }

        accounts.Pulling(request.Caller, request.Repository).Add((int)link.Size);
    }

    public async Task PutAsync(RegistryRequest request)
    {
        (Digest? named, List<string> names) = ReadReference(request);
        RequireLength(request.Http.Request.ContentLength ?? 0);
        using ManifestTurns.Turn turn = await turns.EnterAsync(request.Http.Request.ContentLength, request.Aborted);
        byte[] content = await ReadBodyAsync(request, turn);
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

    /// <summary>Sends a manifest while it is hashed. Its last bytes wait until all are known to be right: who asked for a tag could not tell that they are not.</summary>
    /// <returns>False when they are not what the digest says.</returns>
    private async Task<bool> TrySendAsync(RegistryRequest request, Digest digest, long length)
    {
        await using StorageReader reader = await manifests.OpenAsync(digest, request.Aborted) ?? throw Unknown(request);
        if (reader.Entry.Length != length)
        {
            return false;
        }

        using IncrementalHash hash = ContentHash.Create(digest.Algorithm);
        byte[] block = ArrayPool<byte>.Shared.Rent(CopySize);
        try
        {
            int count;
            for (long left = length; left > 0; left -= count)
            {
                count = (int)Math.Min(CopySize, left);
                await reader.Content.ReadExactlyAsync(block.AsMemory(0, count), request.Aborted);
                hash.AppendData(block, 0, count);
                if (count == left && ContentHash.Current(hash) != digest)
                {
                    return false;
                }

                await request.Http.Response.Body.WriteAsync(block.AsMemory(0, count), request.Aborted);
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
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

    private static async Task<byte[]> ReadBodyAsync(RegistryRequest request, ManifestTurns.Turn turn)
    {
        try
        {
            return request.Http.Request.ContentLength is { } length ? await ReadExactlyAsync(request.Http.Request.Body, length, turn.Body) : await ReadToEndAsync(request.Http.Request.Body, turn.Body);
        }
        catch (OperationCanceledException) when (turn.IsOver && !request.Aborted.IsCancellationRequested)
        {
            throw new RegistryException(RegistryError.ManifestTooSlow, $"The manifest did not come within {ManifestTurns.LongestBody.TotalSeconds:0} s.");
        }
    }

    private static async Task<byte[]> ReadExactlyAsync(Stream body, long length, CancellationToken cancellationToken)
    {
        byte[] content = new byte[length];
        await body.ReadExactlyAsync(content, cancellationToken);
        return content;
    }

    private static async Task<byte[]> ReadToEndAsync(Stream body, CancellationToken cancellationToken)
    {
        var content = new ArrayBufferWriter<byte>();
        int count;
        while ((count = await body.ReadAsync(content.GetMemory(1024), cancellationToken)) > 0)
        {
            content.Advance(count);
            RequireLength(content.WrittenCount);
        }

        return content.WrittenSpan.ToArray();
    }

    private static void RequireLength(long length)
    {
        if (length > ManifestContent.MaxLength)
        {
            throw new RegistryException(RegistryError.ManifestTooLarge, $"The manifest has {length} bytes or more; at most {ManifestContent.MaxLength} are taken.");
        }
    }

    private static string? MediaTypeOf(HttpRequest request) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(request.ContentType, out Microsoft.Net.Http.Headers.MediaTypeHeaderValue? type) ? type.MediaType.Value : null;

    private static RegistryException Unknown(RegistryRequest request) => new(RegistryError.ManifestUnknown, $"{request.Repository} holds no manifest {request.Target}.");
}
