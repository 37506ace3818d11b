using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>One version of an object, to read from.</summary>
internal sealed class S3Source(S3Connection connection, S3Options options, string key, string? version, TimeProvider clock)
{
    public TimeProvider Clock { get; } = clock;

    public int MaxRetries => options.MaxRetries;

    public TimeSpan RetryDelay => options.FirstRetryDelay;

    public TimeSpan Patience => options.Patience;

    /// <summary>Asks for the bytes from an offset; null as the version takes whichever is there.</summary>
    public async Task<GetObjectResponse> OpenAsync(long offset, long? end, CancellationToken cancellationToken)
    {
        var request = new GetObjectRequest { BucketName = options.Bucket, Key = key, EtagToMatch = version };
        if (offset > 0 || end is not null)
        {
            request.ByteRange = new ByteRange(offset, (end ?? long.MaxValue) - 1);
        }

        try
        {
            return await connection.SendAsync(token => connection.Client.GetObjectAsync(request, token), cancellationToken);
        }
        catch (S3AnswerException answer) when (version is not null && (answer.IsNotFound || answer.IsPreconditionFailed))
        {
            throw new IOException($"{key} was deleted or replaced while it was read.", answer);
        }
    }

    public IOException Translate(Exception failure) => S3Errors.Translate(failure, options);
}
