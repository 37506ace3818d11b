using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Client;

/// <summary>
/// A client of an OCI registry (https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md; "end-N" below are its endpoints).
/// Thread-safe; one per registry. Throws <see cref="RegistryException"/> when the registry says no.
/// </summary>
public sealed class RegistryClient : IDisposable
{
    private static readonly string[] Pull = ["pull"];
    private static readonly string[] PullAndPush = ["pull", "push"];
    private static readonly string[] Delete = ["delete"];

    private readonly RegistryClientOptions _options;
    private readonly RegistryTransport _transport;
    private volatile bool _refusesSinglePost;

    public RegistryClient(RegistryClientOptions options)
    {
        _options = options;
        _transport = new RegistryTransport(options);
        Capacity = new CapacityClient(_transport);
        Integrity = new IntegrityClient(_transport);
    }

    /// <summary>Room, where the registry is ours.</summary>
    public CapacityClient Capacity { get; }

    /// <summary>Lost content, where the registry is ours.</summary>
    public IntegrityClient Integrity { get; }

    /// <summary>end-1: whether somebody who speaks the protocol is there (an answer of 401 counts).</summary>
    public async Task<bool> PingAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync("", Pull, () => new HttpRequestMessage(HttpMethod.Get, "/v2/"), cancellationToken);
        return response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Unauthorized;
    }

    /// <summary>end-2: size of the blob, or null when it is not there.</summary>
    public async Task<long?> HeadBlobAsync(string repository, Digest digest, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(repository, Pull, () => new HttpRequestMessage(HttpMethod.Head, BlobPath(repository, digest)), cancellationToken);
        return response.StatusCode == HttpStatusCode.NotFound ? null : (await ExpectAsync(response, cancellationToken)).Content.Headers.ContentLength ?? 0;
    }

    /// <summary>
    /// end-2: the blob's bytes from <paramref name="offset"/>, at most <paramref name="length"/> of them, resumed when the connection breaks.
    /// The stream does not verify; <see cref="GetBlobBytesAsync"/> does, and so do the readers of chunks.
    /// </summary>
    /// <param name="size">Size of the whole blob, as its descriptor says.</param>
    public async Task<Stream> GetBlobAsync(string repository, Digest digest, long size, long offset, long length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long end = Math.Min(size, offset + length);
        var stream = new BlobStream((from, cancellation) => GetRangeAsync(repository, digest, from, end, size, cancellation), _options, $"blob {digest}", offset, end);
        try
        {
            await stream.OpenAsync(cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>The whole of a small blob, checked against its descriptor. Throws <see cref="InvalidDataException"/> when it is not what its digest says.</summary>
    public async Task<byte[]> GetBlobBytesAsync(string repository, Descriptor descriptor, int maxBytes, CancellationToken cancellationToken)
    {
        if (descriptor.Size > maxBytes)
        {
            throw new InvalidDataException($"Blob {descriptor.Digest} has {descriptor.Size} bytes, more than the {maxBytes} expected of {descriptor.MediaType}.");
        }

        await using Stream stream = await GetBlobAsync(repository, descriptor.Digest, descriptor.Size, 0, descriptor.Size, cancellationToken);
        byte[] content = new byte[descriptor.Size];
        await stream.ReadExactlyAsync(content, cancellationToken);
        return DigestCheck.Matches(descriptor.Digest, content) ? content : throw new InvalidDataException($"The bytes of blob {descriptor.Digest} do not have that digest.");
    }

    /// <summary>
    /// end-4b: stores a blob in one request. What is there already is not sent. Registries that want two requests (end-4a, end-6) get two.
    /// The content is read again when the request must be repeated.
    /// </summary>
    public async Task PutBlobAsync(string repository, Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
    {
        if (await HeadBlobAsync(repository, digest, cancellationToken) == content.Length)
        {
            return;
        }

        string uploads = $"/v2/{repository}/blobs/uploads/";
        if (!_refusesSinglePost)
        {
            using HttpResponseMessage single = await SendAsync(
                repository, PullAndPush, () => WithBody(HttpMethod.Post, new Uri($"{uploads}?digest={Uri.EscapeDataString(digest.ToString())}", UriKind.Relative), content, MediaTypes.OctetStream), cancellationToken);
            await ExpectAsync(single, cancellationToken);
            if (single.StatusCode == HttpStatusCode.Created)
            {
                return;
            }

            _refusesSinglePost = true;
        }

        await PutBlobInTwoAsync(repository, uploads, digest, content, cancellationToken);
    }

    /// <summary>end-11: makes a blob of another repository appear in this one without sending it. False when the registry would rather have the bytes.</summary>
    public async Task<bool> MountBlobAsync(string repository, Digest digest, string fromRepository, CancellationToken cancellationToken)
    {
        string path = $"/v2/{repository}/blobs/uploads/?mount={Uri.EscapeDataString(digest.ToString())}&from={Uri.EscapeDataString(fromRepository)}";
        using HttpResponseMessage response = await SendAsync(repository, PullAndPush, () => WithBody(HttpMethod.Post, new Uri(path, UriKind.Relative), ReadOnlySequence<byte>.Empty, MediaTypes.OctetStream), cancellationToken);
        await ExpectAsync(response, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Created)
        {
            return true;
        }

        await CancelUploadAsync(repository, response.Headers.Location, cancellationToken);
        return false;
    }

    /// <summary>end-10. False when it was not there.</summary>
    public Task<bool> DeleteBlobAsync(string repository, Digest digest, CancellationToken cancellationToken) => DeleteAsync(repository, BlobPath(repository, digest), cancellationToken);

    /// <summary>end-3: a manifest by tag or digest, its digest recomputed; null when there is none.</summary>
    public async Task<ManifestContent?> GetManifestAsync(string repository, string reference, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(repository, Pull, () => ManifestRequest(HttpMethod.Get, repository, reference), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await ExpectAsync(response, cancellationToken);
        byte[] content = await ReadLimitedAsync(response, Manifest.MaxBytes, cancellationToken);
        bool isDigest = Digest.TryParse(reference, out Digest wanted);
        if (isDigest && !DigestCheck.Matches(wanted, content))
        {
            throw new InvalidDataException($"The registry's answer for manifest {wanted} of {repository} does not have that digest.");
        }

        return new ManifestContent(isDigest ? wanted : Digest.Sha256Of(content), response.Content.Headers.ContentType?.MediaType ?? MediaTypes.OciManifest, content);
    }

    /// <summary>end-3 with HEAD: the digest behind a tag, or null.</summary>
    public async Task<Digest?> ResolveAsync(string repository, string reference, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(repository, Pull, () => ManifestRequest(HttpMethod.Head, repository, reference), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await ExpectAsync(response, cancellationToken);
        return response.Headers.TryGetValues("Docker-Content-Digest", out IEnumerable<string>? values) && Digest.TryParse(values.FirstOrDefault(), out Digest digest)
            ? digest
            : (await GetManifestAsync(repository, reference, cancellationToken))?.Digest;
    }

    /// <summary>end-7: stores a manifest under a tag or its digest. Returns the digest, which is computed here and must be what the registry says.</summary>
    public async Task<Digest> PutManifestAsync(string repository, string reference, string mediaType, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(
            repository, PullAndPush, () => WithBody(HttpMethod.Put, new Uri(ManifestPath(repository, reference), UriKind.Relative), new ReadOnlySequence<byte>(content), mediaType), cancellationToken);
        await ExpectAsync(response, cancellationToken);
        Digest digest = Digest.Sha256Of(content.Span);
        bool isOther = response.Headers.TryGetValues("Docker-Content-Digest", out IEnumerable<string>? values) && values.FirstOrDefault() is { } told
            && told.StartsWith("sha256:", StringComparison.Ordinal) && told != digest.ToString();
        return isOther ? throw new InvalidDataException($"The registry stored the manifest as {values!.First()}, its bytes are {digest}.") : digest;
    }

    /// <summary>end-9: removes a manifest (by digest) or a tag. False when it was not there.</summary>
    public Task<bool> DeleteManifestAsync(string repository, string reference, CancellationToken cancellationToken) => DeleteAsync(repository, ManifestPath(repository, reference), cancellationToken);

    /// <summary>end-8: the tags of a repository, page by page. None for a repository that is not there.</summary>
    public async IAsyncEnumerable<string> ListTagsAsync(string repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (string? next = $"/v2/{repository}/tags/list?n=1000"; next is not null;)
        {
            string path = next;
            using HttpResponseMessage response = await SendAsync(repository, Pull, () => new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                yield break;
            }

            await ExpectAsync(response, cancellationToken);
            using JsonDocument page = JsonFields.ParseObject(await ReadLimitedAsync(response, Manifest.MaxBytes, cancellationToken), "tags", Manifest.MaxBytes);
            foreach (string tag in JsonFields.OptionalStrings(page.RootElement, "", "tags", maxItems: 100_000) ?? [])
            {
                yield return tag;
            }

            next = NextPage(response);
        }
    }

    /// <summary>end-12: manifests whose subject is this digest.</summary>
    public async Task<IReadOnlyList<Descriptor>> ListReferrersAsync(string repository, Digest subject, string? artifactType, CancellationToken cancellationToken)
    {
        var referrers = new List<Descriptor>();
        string filter = artifactType is null ? "" : "?artifactType=" + Uri.EscapeDataString(artifactType);
        for (string? next = $"/v2/{repository}/referrers/{subject}{filter}"; next is not null;)
        {
            string path = next;
            using HttpResponseMessage response = await SendAsync(repository, Pull, () => new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
            await ExpectAsync(response, cancellationToken);
            ImageIndex page = ImageIndex.Parse(await ReadLimitedAsync(response, Manifest.MaxBytes, cancellationToken));

            // A registry that does not filter may leave the filter to us.
            referrers.AddRange(page.Manifests.Where(manifest => artifactType is null || manifest.ArtifactType == artifactType));
            next = NextPage(response);
        }

        return referrers;
    }

    /// <summary>
    /// Our registry's own request: forgets a whole repository; space comes back at garbage collection. False when there is no such repository.
    /// </summary>
    public async Task<bool> DeleteRepositoryAsync(string repository, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(repository, Delete, () => new HttpRequestMessage(HttpMethod.Delete, $"/repositories/{repository}"), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }

        await ExpectAsync(response, cancellationToken);
        return true;
    }

    public void Dispose() => _transport.Dispose();

    private static string BlobPath(string repository, Digest digest) => $"/v2/{repository}/blobs/{digest}";

    private static string ManifestPath(string repository, string reference) => $"/v2/{repository}/manifests/{reference}";

    private static HttpRequestMessage ManifestRequest(HttpMethod method, string repository, string reference)
    {
        var request = new HttpRequestMessage(method, ManifestPath(repository, reference));
        foreach (string accepted in (ReadOnlySpan<string>)[MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList])
        {
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accepted));
        }

        return request;
    }

    private static HttpRequestMessage WithBody(HttpMethod method, Uri target, ReadOnlySequence<byte> content, string mediaType) =>
        new(method, target) { Content = new ReadOnlySequenceContent(content, mediaType) };

    private Task<HttpResponseMessage> SendAsync(string repository, string[] actions, Func<HttpRequestMessage> request, CancellationToken cancellationToken) =>
        _transport.SendAsync(repository, actions, request, cancellationToken);

    private async Task<HttpResponseMessage> GetRangeAsync(string repository, Digest digest, long from, long end, long size, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await SendAsync(repository, Pull, Request, cancellationToken);
        return await ExpectAsync(response, cancellationToken);

        HttpRequestMessage Request()
        {
            var request = new HttpRequestMessage(HttpMethod.Get, BlobPath(repository, digest));
            if (from > 0 || end < size)
            {
                request.Headers.Range = new RangeHeaderValue(from, end - 1);
            }

            return request;
        }
    }

    private async Task PutBlobInTwoAsync(string repository, string uploads, Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
    {
        using HttpResponseMessage begun = await SendAsync(
            repository, PullAndPush, () => WithBody(HttpMethod.Post, new Uri(uploads, UriKind.Relative), ReadOnlySequence<byte>.Empty, MediaTypes.OctetStream), cancellationToken);
        await ExpectAsync(begun, cancellationToken);
        Uri location = OwnLocation(begun.Headers.Location ?? throw new HttpRequestException($"The registry's answer to POST {uploads} has no Location."));
        string separator = location.Query.Length == 0 ? "?" : "&";
        var target = new Uri($"{location.AbsoluteUri}{separator}digest={Uri.EscapeDataString(digest.ToString())}");
        using HttpResponseMessage put = await SendAsync(repository, PullAndPush, () => WithBody(HttpMethod.Put, target, content, MediaTypes.OctetStream), cancellationToken);
        await ExpectAsync(put, cancellationToken);
    }

    private async Task CancelUploadAsync(string repository, Uri? location, CancellationToken cancellationToken)
    {
        if (location is not null)
        {
            Uri target = OwnLocation(location);
            using HttpResponseMessage response = await SendAsync(repository, PullAndPush, () => new HttpRequestMessage(HttpMethod.Delete, target), cancellationToken);
        }
    }

    /// <summary>The Location of an upload; it must be this registry's own, because the grant goes there.</summary>
    private Uri OwnLocation(Uri location)
    {
        var target = new Uri(_transport.BaseAddress, location);
        return target.Authority == _transport.BaseAddress.Authority && target.Scheme == _transport.BaseAddress.Scheme
            ? target
            : throw new HttpRequestException($"The registry's upload location is on another host: {target.Authority}.");
    }

    private async Task<bool> DeleteAsync(string repository, string path, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(repository, Delete, () => new HttpRequestMessage(HttpMethod.Delete, path), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }

        await ExpectAsync(response, cancellationToken);
        return true;
    }

    private static async Task<HttpResponseMessage> ExpectAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await RegistryErrors.ReadAsync(response, cancellationToken);
        }
    }

    private static async Task<byte[]> ReadLimitedAsync(HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var content = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await stream.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            content.Write(buffer, 0, count);
            if (content.Length > maxBytes)
            {
                throw new InvalidDataException($"The answer to {response.RequestMessage?.RequestUri?.AbsolutePath} is longer than {maxBytes} bytes.");
            }
        }

        return content.ToArray();
    }

    /// <summary>The next page of RFC 5988 <c>Link: &lt;…&gt;; rel="next"</c>; only ever on this registry.</summary>
    private string? NextPage(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("Link", out IEnumerable<string>? links))
        {
            return null;
        }

        string? next = links.SelectMany(link => link.Split(',')).FirstOrDefault(link => link.Contains("rel=\"next\"", StringComparison.OrdinalIgnoreCase));
        int open = next?.IndexOf('<') ?? -1;
        int close = next?.IndexOf('>') ?? -1;
        return open >= 0 && close > open ? new Uri(_transport.BaseAddress, next![(open + 1)..close]).PathAndQuery : null;
    }
}
