using System.Globalization;
using System.Runtime.CompilerServices;
using Amazon.S3;
using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// Objects of a bucket. A path is its key; keys that begin with a dot are this backend's own (<c>.staging/</c>, <c>.probe/</c>) and are not listed.
/// S3 makes a put visible whole or not at all, and what was put is read by everybody from then on.
/// </summary>
internal sealed class S3Backend : IStorageBackend, IDisposable
{
    private const string Staging = ".staging/";

    private readonly S3Options _options;
    private readonly TimeProvider _clock;
    private readonly S3Connection _connection;
    private readonly S3Features _features;
    private readonly S3Objects _objects;
    private readonly PartMemory _memory;
    private readonly HttpClient _plain;
    private readonly SemaphoreSlim _unconditional = new(1, 1);

    public S3Backend(S3Options options, TimeProvider clock, ILogger<S3Features> logger)
    {
        _options = options;
        _clock = clock;
        _connection = new S3Connection(options, clock);
        _features = new S3Features(_connection, options, logger);
        _objects = new S3Objects(_connection, _features, options);
        _memory = new PartMemory(options.BufferBytes, clock);
        _plain = _connection.NewHttpClient();
    }

    public string Name => "s3";

    public bool IsShared => true;

    private AmazonS3Client Client => _connection.Client;

    /// <summary>Lists one key: the cheapest request whose errors have a body that says what is wrong.</summary>
    public async ValueTask CheckAsync(CancellationToken cancellationToken) => await _connection.SendAsync(
        token => Client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = _options.Bucket, MaxKeys = 1 }, token), cancellationToken);

    /// <summary>The Date of an answer, in full seconds like everything that S3 stamps.</summary>
    public async ValueTask<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken) => await _connection.SendAsync(
        async token =>
        {
            using HttpResponseMessage response = await _plain.GetAsync(await SignAsync(".clock", TimeSpan.FromMinutes(1)), HttpCompletionOption.ResponseHeadersRead, token);
            return response.Headers.Date ?? throw new StorageUnavailableException($"{_options.EndpointName} answers without a Date");
        },
        cancellationToken);

    public async ValueTask<StorageEntry?> StatAsync(string path, CancellationToken cancellationToken) =>
        await _objects.StatAsync(path, cancellationToken) is { } found ? new StorageEntry(path, found.ContentLength, Stamp(found.LastModified)) : null;

    public ValueTask<StorageReader?> OpenReadAsync(string path, long offset, CancellationToken cancellationToken) => OpenAsync(path, offset, null, cancellationToken);

    public ValueTask<StorageReader?> OpenRangeAsync(string path, long offset, long length, CancellationToken cancellationToken) =>
        length > 0 ? OpenAsync(path, offset, offset + length, cancellationToken) : OpenEndAsync(path, offset, cancellationToken);

    public ValueTask<IStorageWriter> CreateAsync(WriteIntent intent, CancellationToken cancellationToken) => intent.Length > PartPlan.MaxObject
        ? throw new StorageFullException($"{intent.Length} bytes are more than the {PartPlan.MaxObject} that an object of a bucket may have.")
        : ValueTask.FromResult<IStorageWriter>(new S3Writer(
            _objects, _memory, _options, intent, intent.Path ?? Staging + Guid.NewGuid().ToString("N"), signsParts: _options.Verification == S3Verification.Parts));

    public async ValueTask<bool> PutAsync(string path, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        if (mode == PutMode.Replace)
        {
            await _objects.PutAsync(path, () => new MemoryStream(content.ToArray(), writable: false), content.Length, cancellationToken);
            return true;
        }

        return (await _features.GetAsync(cancellationToken)).HasConditionalPuts
            ? await _objects.PutIfAbsentAsync(path, content, cancellationToken)
            : await PutUnconditionallyAsync(path, content, cancellationToken);
    }

    public async ValueTask ComposeAsync(IReadOnlyList<string> sources, string destination, CancellationToken cancellationToken)
    {
        var lengths = new List<long>(sources.Count);
        foreach (string source in sources)
        {
            lengths.Add((await StatAsync(source, cancellationToken) ?? throw new IOException($"{source} is gone.")).Length);
        }

        if (sources is [string only])
        {
            await _objects.MoveAsync(only, destination, lengths[0], cancellationToken);
            return;
        }

        if (sources.Count > PartPlan.MaxParts / 2 || lengths.Sum() <= _options.SinglePutLimit)
        {
            await RewriteAsync(sources, lengths, destination, cancellationToken);
        }
        else
        {
            await CombineAsync(sources, lengths, destination, cancellationToken);
        }

        foreach (string source in sources)
        {
            await _objects.DeleteAsync(source, cancellationToken);
        }
    }

    public async ValueTask<bool> DeleteAsync(string path, CancellationToken cancellationToken)
    {
        // A delete answers alike whether or not something was there.
        if (await _objects.StatAsync(path, cancellationToken) is null)
        {
            return false;
        }

        await _objects.DeleteAsync(path, cancellationToken);
        return true;
    }

    public async IAsyncEnumerable<StorageEntry> ListAsync(string folder, string? startAfter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = _options.Bucket, Prefix = folder, StartAfter = startAfter };
        ListObjectsV2Response page;
        do
        {
            page = await _connection.SendAsync(token => Client.ListObjectsV2Async(request, token), cancellationToken);
            foreach (S3Object found in page.S3Objects ?? [])
            {
                if (folder.Length > 0 || found.Key[0] != '.')
                {
                    yield return new StorageEntry(found.Key, found.Size ?? 0, Stamp(found.LastModified));
                }
            }

            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
    }

    public async ValueTask<Uri?> GetDirectLinkAsync(string path, TimeSpan lifetime, CancellationToken cancellationToken) => await SignAsync(path, lifetime);

    public ValueTask<StorageSpace?> GetSpaceAsync(CancellationToken cancellationToken) => ValueTask.FromResult<StorageSpace?>(null);

    /// <summary>Ends multipart uploads and removes staged objects that were begun longer ago than <paramref name="age"/>. Returns how many.</summary>
    public async Task<int> DiscardAbandonedAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        DateTimeOffset oldest = await GetTimeAsync(cancellationToken) - age;
        int discarded = 0;
        var request = new ListMultipartUploadsRequest { BucketName = _options.Bucket };
        ListMultipartUploadsResponse page;
        do
        {
            page = await _connection.SendAsync(token => Client.ListMultipartUploadsAsync(request, token), cancellationToken);
            foreach (MultipartUpload upload in page.MultipartUploads ?? [])
            {
                if (Stamp(upload.Initiated) <= oldest)
                {
                    await _objects.TryAbortUploadAsync(upload.Key, upload.UploadId);
                    discarded++;
                }
            }

            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (page.IsTruncated == true);

        await foreach (StorageEntry staged in ListAsync(Staging, null, cancellationToken))
        {
            if (staged.Modified <= oldest)
            {
                await _objects.DeleteAsync(staged.Path, cancellationToken);
                discarded++;
            }
        }

        return discarded;
    }

    public void Dispose()
    {
        _connection.Dispose();
        _features.Dispose();
        _memory.Dispose();
        _plain.Dispose();
        _unconditional.Dispose();
    }

    private static DateTimeOffset Stamp(DateTime? time) => new(DateTime.SpecifyKind(time ?? default, DateTimeKind.Utc));

    private async Task<Uri> SignAsync(string key, TimeSpan lifetime) => new(await Client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
    {
        BucketName = _options.Bucket,
        Key = key,
        Verb = HttpVerb.GET,
        Expires = _clock.GetUtcNow().UtcDateTime + lifetime,
        Protocol = _options.Endpoint?.Scheme == Uri.UriSchemeHttp ? Protocol.HTTP : Protocol.HTTPS,
    }));

    private async ValueTask<StorageReader?> OpenAsync(string path, long offset, long? end, CancellationToken cancellationToken)
    {
        GetObjectResponse response;
        try
        {
            response = await new S3Source(_connection, _options, path, null, _clock).OpenAsync(offset, end, cancellationToken);
        }
        catch (S3AnswerException answer) when (answer.IsNotFound)
        {
            return null;
        }
        catch (S3AnswerException answer) when (answer.IsBehindTheEnd)
        {
            return await OpenEndAsync(path, offset, cancellationToken);
        }

        var entry = new StorageEntry(path, TotalLengthOf(response, offset), Stamp(response.LastModified));
        var source = new S3Source(_connection, _options, path, response.ETag, _clock);
        return new StorageReader(new S3ReadStream(source, response, offset, Math.Min(end ?? entry.Length, entry.Length)), entry);
    }

    private async ValueTask<StorageReader?> OpenEndAsync(string path, long offset, CancellationToken cancellationToken) =>
        await StatAsync(path, cancellationToken) is { } entry
            ? new StorageReader(new S3ReadStream(new S3Source(_connection, _options, path, null, _clock), null, offset, offset), entry)
            : null;

    /// <summary>A partial answer tells the whole length behind the slash of <c>bytes 4-9/10</c>.</summary>
    private static long TotalLengthOf(GetObjectResponse response, long offset) =>
        response.ContentRange is { Length: > 0 } range ? long.Parse(range.AsSpan(range.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture) : response.ContentLength + offset;

    /// <summary>For servers without conditions: right as long as no other process writes.</summary>
    private async Task<bool> PutUnconditionallyAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await _unconditional.WaitAsync(cancellationToken);
        try
        {
            return await _objects.StatAsync(path, cancellationToken) is null && await PutAsync(path, content, PutMode.Replace, cancellationToken);
        }
        finally
        {
            _unconditional.Release();
        }
    }

    /// <summary>All bytes through this process: for little, and for more sources than an object may have parts.</summary>
    private async Task RewriteAsync(IReadOnlyList<string> sources, List<long> lengths, string destination, CancellationToken cancellationToken)
    {
        // Signed, because nobody reads them afterwards.
        await using var writer = new S3Writer(_objects, _memory, _options, new WriteIntent(destination, lengths.Sum()), destination, signsParts: true);
        byte[] block = GC.AllocateUninitializedArray<byte>(PartMemory.BlockSize);
        foreach (string source in sources)
        {
            await using StorageReader reader = await OpenReadAsync(source, 0, cancellationToken) ?? throw new IOException($"{source} is gone.");
            int count;
            while ((count = await reader.Content.ReadAsync(block, cancellationToken)) > 0)
            {
                await writer.WriteAsync(block.AsMemory(0, count), cancellationToken);
            }
        }

        await writer.CommitAsync(destination, cancellationToken);
    }

    /// <summary>Large sources are copied inside the server; small ones are read and joined with what follows until they are large enough to be a part.</summary>
    private async Task CombineAsync(IReadOnlyList<string> sources, List<long> lengths, string destination, CancellationToken cancellationToken)
    {
        await using var whole = new S3Composition(_objects, destination);
        PartBuffer? joined = null;
        try
        {
            for (int i = 0; i < sources.Count; i++)
            {
                long offset = 0;
                while (offset < lengths[i])
                {
                    if (joined is null && lengths[i] - offset >= PartPlan.MinPart)
                    {
                        await whole.CopyAsync(sources[i], offset, lengths[i] - offset, cancellationToken);
                        offset = lengths[i];
                        continue;
                    }

                    joined ??= await _memory.RentAsync(PartPlan.MinPart, cancellationToken);
                    offset += await AppendAsync(joined, sources[i], offset, cancellationToken);
                    if (joined.Length == PartPlan.MinPart)
                    {
                        await whole.WriteAsync(joined, cancellationToken);
                        joined.Dispose();
                        joined = null;
                    }
                }
            }

            if (joined is not null)
            {
                await whole.WriteAsync(joined, cancellationToken);
            }
        }
        finally
        {
            joined?.Dispose();
        }

        await whole.CommitAsync(cancellationToken);
    }

    /// <summary>Reads from a source until the buffer is a part, or the source ends. Returns how many bytes that were.</summary>
    private async Task<long> AppendAsync(PartBuffer joined, string source, long offset, CancellationToken cancellationToken)
    {
        await using StorageReader reader = await OpenRangeAsync(source, offset, PartPlan.MinPart - joined.Length, cancellationToken) ?? throw new IOException($"{source} is gone.");
        byte[] block = GC.AllocateUninitializedArray<byte>(TransferBuffers.SmallSize);
        long before = joined.Length;
        int count;
        while (joined.Length < PartPlan.MinPart && (count = await reader.Content.ReadAsync(block, cancellationToken)) > 0)
        {
            joined.Append(block.AsSpan(0, count), PartPlan.MinPart);
        }

        return joined.Length - before;
    }
}
