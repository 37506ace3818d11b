using Amazon.S3;
using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>Writing whole objects, parts of them, and copies inside the server.</summary>
internal sealed class S3Objects(S3Connection connection, S3Features features, S3Options options)
{
    // 512 MiB a range: large copies run in parallel, and none outlasts the server's patience.
    private const long CopyRange = 512L * 1024 * 1024;

    private const int ParallelCopies = 4;

    // Told apart from another's put of the same bytes, when the answer to ours was lost.
    private const string PutId = "put-id";

    private const string ContentType = "application/octet-stream";

    public AmazonS3Client Client => connection.Client;

    /// <inheritdoc cref="S3Connection.PatienceFor"/>
    public TimeSpan PatienceFor(long bodyLength) => connection.PatienceFor(bodyLength);

    public async ValueTask<bool> ChecksPayloadAsync(CancellationToken cancellationToken) => (await features.GetAsync(cancellationToken)).ChecksPayload;

    /// <summary>Puts an object. Returns whether the server compared the SHA-256 of what it received.</summary>
    /// <param name="content">Opens the bytes; they may have to be sent again. Those that state their hash (<see cref="IStatedPayload"/>) state the SHA-256.</param>
    public async Task<bool> PutAsync(string key, Func<Stream> content, long length, CancellationToken cancellationToken)
    {
        await connection.SendAsync(length, token => Client.PutObjectAsync(NewPut(key, content), token), cancellationToken);
        return await ChecksPayloadAsync(cancellationToken);
    }

    /// <summary>One attempt to put an object whose bytes may still be coming, for as long as they take.</summary>
    public Task TryPutAsync(string key, Stream content, CancellationToken cancellationToken) => Client.PutObjectAsync(NewPut(key, () => content), cancellationToken);

    /// <summary>Puts an object where none is. False when there is one.</summary>
    public async Task<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string mine = Guid.NewGuid().ToString("N");
        try
        {
            await connection.SendAsync(
                content.Length,
                token =>
                {
                    PutObjectRequest request = NewPut(key, () => new MemoryStream(content.ToArray(), writable: false));
                    request.IfNoneMatch = "*";
                    request.Metadata.Add(PutId, mine);
                    return Client.PutObjectAsync(request, token);
                },
                cancellationToken);
            return true;
        }
        catch (S3AnswerException answer) when (answer.IsPreconditionFailed)
        {
            // What is there may be ours: of an attempt whose answer was lost.
            return await IsMineAsync(key, mine, cancellationToken);
        }
    }

    public async Task<string> BeginUploadAsync(string key, CancellationToken cancellationToken)
    {
        var request = new InitiateMultipartUploadRequest { BucketName = options.Bucket, Key = key, ContentType = ContentType };
        return (await connection.SendAsync(token => Client.InitiateMultipartUploadAsync(request, token), cancellationToken)).UploadId;
    }

    /// <summary>Puts one part of an object.</summary>
    /// <param name="isSigned">Whether the server is to compare the part's SHA-256, which both sides then compute. Without, whoever relies on the object reads it.</param>
    public async Task<PartETag> PutPartAsync(string key, string upload, int number, PartBuffer part, bool isSigned, CancellationToken cancellationToken)
    {
        string hash = isSigned ? part.ComputeSha256() : IStatedPayload.Unsigned;
        UploadPartResponse response = await connection.SendAsync(
            part.Length,
            token => Client.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = options.Bucket,
                    Key = key,
                    UploadId = upload,
                    PartNumber = number,
                    PartSize = part.Length,
                    InputStream = part.OpenRead(hash),
                    UseChunkEncoding = false,
                },
                token),
            cancellationToken);
        return new PartETag(number, response.ETag);
    }

    /// <summary>Makes the parts the object. Returns the SHA-256 that the server says it computed over all of it, in base64, or null when it tells none.</summary>
    public async Task<string?> CompleteUploadAsync(string key, string upload, List<PartETag> parts, long length, CancellationToken cancellationToken)
    {
        var request = new CompleteMultipartUploadRequest { BucketName = options.Bucket, Key = key, UploadId = upload, PartETags = parts };
        try
        {
            await connection.SendLongAsync(token => Client.CompleteMultipartUploadAsync(request, token), cancellationToken);
        }
        catch (S3AnswerException answer) when (answer.IsNotFound)
        {
            // There is no such upload any more: an attempt whose answer was lost may have completed it.
        }

        // The answer of a completion may come as a success with an error inside, and its ETag may be empty: what counts is what is there.
        GetObjectMetadataResponse? found = await StatAsync(key, cancellationToken);
        return found?.ContentLength == length
            ? found.ChecksumType == ChecksumType.FULL_OBJECT ? found.ChecksumSHA256 : null
            : throw new IOException($"{key} has {(found is null ? "no" : found.ContentLength)} bytes after {length} were written.");
    }

    /// <summary>Ends an upload that will not be completed. What cannot be reached now is ended later by <see cref="S3Janitor"/>.</summary>
    public async Task TryAbortUploadAsync(string key, string upload)
    {
        try
        {
            await connection.SendAsync(token => Client.AbortMultipartUploadAsync(options.Bucket, key, upload, token), CancellationToken.None);
        }
        catch (IOException)
        {
            // Nothing depends on it: the writer's own error is what the caller must see.
        }
    }

    public async Task<GetObjectMetadataResponse?> StatAsync(string key, CancellationToken cancellationToken)
    {
        var request = new GetObjectMetadataRequest { BucketName = options.Bucket, Key = key, ChecksumMode = ChecksumMode.ENABLED };
        try
        {
            return await connection.SendAsync(token => Client.GetObjectMetadataAsync(request, token), cancellationToken);
        }
        catch (S3AnswerException answer) when (answer.IsNotFound)
        {
            return null;
        }
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken) =>
        connection.SendAsync(token => Client.DeleteObjectAsync(options.Bucket, key, token), cancellationToken);

    /// <summary>Copies inside the server and deletes the source.</summary>
    public async Task MoveAsync(string from, string to, long length, CancellationToken cancellationToken)
    {
        if (length <= CopyRange)
        {
            var request = new CopyObjectRequest { SourceBucket = options.Bucket, SourceKey = from, DestinationBucket = options.Bucket, DestinationKey = to, ContentType = ContentType };
            await connection.SendLongAsync(token => Client.CopyObjectAsync(request, token), cancellationToken);
        }
        else
        {
            await using var copy = new S3Composition(this, to);
            await copy.CopyAsync(from, 0, length, cancellationToken);
            await copy.CommitAsync(cancellationToken);
        }

        await DeleteAsync(from, cancellationToken);
    }

    /// <summary>Ranges of an object as parts of an upload.</summary>
    public async Task<IReadOnlyList<PartETag>> CopyPartsAsync(string from, long offset, long length, string to, string upload, int firstNumber, CancellationToken cancellationToken)
    {
        // Equal pieces, so that none is too small to be a part.
        int pieces = (int)((length + CopyRange - 1) / CopyRange);
        long size = (length + pieces - 1) / pieces;
        var parts = new PartETag[pieces];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelCopies, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, pieces, parallel, async (index, token) =>
        {
            long first = offset + (index * size);
            var request = new CopyPartRequest
            {
                SourceBucket = options.Bucket,
                SourceKey = from,
                DestinationBucket = options.Bucket,
                DestinationKey = to,
                UploadId = upload,
                PartNumber = firstNumber + index,
                FirstByte = first,
                LastByte = Math.Min(first + size, offset + length) - 1,
            };
            CopyPartResponse response = await connection.SendLongAsync(attempt => Client.CopyPartAsync(request, attempt), token);
            parts[index] = new PartETag(firstNumber + index, response.ETag);
        });
        return parts;
    }

    private async Task<bool> IsMineAsync(string key, string id, CancellationToken cancellationToken) => (await StatAsync(key, cancellationToken))?.Metadata[PutId] == id;

    private PutObjectRequest NewPut(string key, Func<Stream> content) => new()
    {
        BucketName = options.Bucket,
        Key = key,
        ContentType = ContentType,
        InputStream = content(),

        // Signed as one piece: its SHA-256 is then a header that the server compares with what it received.
        UseChunkEncoding = false,
    };
}
