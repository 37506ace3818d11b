using System.IO.Pipelines;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Transport;

namespace AiModels.Registry.Api;

/// <summary>Blobs: HEAD, GET with ranges and validators, DELETE (end-2, end-10).</summary>
internal sealed class Blobs(BlobStore blobs, ManifestStore manifests, BlobRedirects redirects, TransferAccounts accounts)
{
    // What a digest names never changes.
    private const string Forever = "private, max-age=31536000, immutable";

    // 4 MiB at a time by the connection: progress is counted between them.
    private const int FilePiece = 4 * 1024 * 1024;

    // 128 KiB: a larger piece gains nothing and is memory for every slow client.
    private const int SendSize = 128 * 1024;

    public async Task GetAsync(RegistryRequest request)
    {
        Digest digest = request.RequireDigestTarget();
        HttpResponse response = request.Http.Response;
        if (await blobs.FindAsync(request.Repository, digest, request.Aborted) is not { } blob)
        {
            throw new RegistryException(RegistryError.BlobUnknown, $"{request.Repository} holds no blob {digest}.");
        }

        string tag = $"\"{digest}\"";
        response.Headers.ETag = tag;
        response.Headers["Docker-Content-Digest"] = digest.ToString();
        response.Headers.CacheControl = Forever;
        response.Headers.AcceptRanges = "bytes";
        if (EntityTags.Match(request.Http.Request.Headers.IfNoneMatch, tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        ByteRange range = ByteRange.Of(request.Http.Request, blob.Length, tag);
        if (!request.IsHead && range.Length > 0 && await redirects.FindAsync(request.Http, digest, request.Aborted) is { } elsewhere)
        {
            Redirect(request, range, elsewhere);
            return;
        }

        if (range.IsPartial)
        {
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = $"bytes {range.Offset}-{range.Offset + range.Length - 1}/{blob.Length}";
        }

        response.ContentType = MediaTypes.OctetStream;
        response.ContentLength = range.Length;
        if (!request.IsHead && range.Length > 0)
        {
            await SendAsync(request, digest, range);
        }
    }

    public async Task DeleteAsync(RegistryRequest request)
    {
        Digest digest = request.RequireDigestTarget();
        if (await manifests.FindUserOfAsync(request.Repository, digest, request.Aborted) is { } user)
        {
            throw new RegistryException(RegistryError.BlobInUse, $"{digest} is part of manifest {user}; delete the manifest first.") { Headers = [new("Allow", "GET, HEAD")] };
        }

        if (!await blobs.UnlinkAsync(request.Repository, digest, request.Aborted))
        {
            throw new RegistryException(RegistryError.BlobUnknown, $"{request.Repository} holds no blob {digest}.");
        }

        request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    /// <summary>The client sends its Range again to where it is sent. Its bytes are counted now, because we shall not see them.</summary>
    private void Redirect(RegistryRequest request, ByteRange range, Uri target)
    {
        HttpResponse response = request.Http.Response;
        response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        response.Headers.Location = target.AbsoluteUri;

        // The blob never changes, but the signature expires.
        response.Headers.CacheControl = "no-store";
        response.ContentLength = 0;
        accounts.Pulling(request.Caller, request.Repository).AddRedirected(range.Length);
    }

    private async Task SendAsync(RegistryRequest request, Digest digest, ByteRange range)
    {
        await using StorageReader? reader = await blobs.OpenFoundAsync(digest, range.Offset, range.Length, request.Aborted);
        if (reader is null)
        {
            throw new RegistryException(RegistryError.BlobUnknown, $"{digest} was deleted just now.");
        }

        TransferMeter meter = accounts.Pulling(request.Caller, request.Repository);
        if (reader.Content is FileStream file && request.Http.Features.Get<IFileSender>() is { } sender && HttpProtocol.IsHttp11(request.Http.Request.Protocol))
        {
            await SendFileAsync(request, sender, file, range, meter);
        }
        else
        {
            await CopyAsync(request, reader.Content, range.Length, meter);
        }
    }

    /// <summary>Without frames around them, the connection takes the bytes from the file itself.</summary>
    private static async Task SendFileAsync(RegistryRequest request, IFileSender sender, FileStream file, ByteRange range, TransferMeter meter)
    {
        PipeWriter body = request.Http.Response.BodyWriter;
        await request.Http.Response.StartAsync(request.Aborted);
        await body.FlushAsync(request.Aborted);
        var ahead = new ReadAhead(file.SafeFileHandle, range.Offset, range.Offset + range.Length);
        int piece;
        for (long done = 0; done < range.Length; done += piece)
        {
            piece = (int)Math.Min(FilePiece, range.Length - done);
            ahead.From(range.Offset + done);
            sender.Announce(file, range.Offset + done, piece);
            _ = body.GetMemory(1);
            body.Advance(piece);
            if ((await body.FlushAsync(request.Aborted)).IsCompleted)
            {
                throw new OperationCanceledException("The client closed the connection.");
            }

            meter.Add(piece);
        }
    }

    /// <summary>Reads into the memory that the response is sent from.</summary>
    private static async Task CopyAsync(RegistryRequest request, Stream content, long length, TransferMeter meter)
    {
        PipeWriter body = request.Http.Response.BodyWriter;
        await request.Http.Response.StartAsync(request.Aborted);
        int count;
        for (long left = length; left > 0; left -= count)
        {
            Memory<byte> block = body.GetMemory((int)Math.Min(SendSize, left));
            count = await content.ReadAsync(block[..(int)Math.Min(block.Length, left)], request.Aborted);
            if (count == 0)
            {
                throw new IOException($"The blob of {request.Http.Request.Path} ends {left} bytes early.");
            }

            body.Advance(count);
            if ((await body.FlushAsync(request.Aborted)).IsCompleted)
            {
                throw new OperationCanceledException("The client closed the connection.");
            }

            meter.Add(count);
        }
    }
}
