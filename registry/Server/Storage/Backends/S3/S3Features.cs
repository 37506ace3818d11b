using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>What this server can do, found by trying it once: servers that claim S3 differ, and none says so by itself.</summary>
internal sealed partial class S3Features(S3Connection connection, S3Options options, ILogger<S3Features> logger) : IDisposable
{
    private const string Folder = ".probe/";

    private readonly SemaphoreSlim _one = new(1, 1);
    private S3Abilities? _found;

    public async ValueTask<S3Abilities> GetAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _found) is { } known)
        {
            return known;
        }

        await _one.WaitAsync(cancellationToken);
        try
        {
            return _found ??= await ProbeAsync(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<S3Abilities> ProbeAsync(CancellationToken cancellationToken)
    {
        string key = Folder + Guid.NewGuid().ToString("N");
        try
        {
            var abilities = new S3Abilities(await HasConditionalPutsAsync(key, cancellationToken), await ChecksPayloadAsync(key, cancellationToken));
            if (!abilities.HasConditionalPuts)
            {
                Log.NoConditionalPuts(logger, options.EndpointName);
            }

            return abilities;
        }
        finally
        {
            await connection.SendAsync(token => connection.Client.DeleteObjectAsync(options.Bucket, key, token), CancellationToken.None);
        }
    }

    /// <summary>Of two puts on condition that nothing is there, the second must fail.</summary>
    private async Task<bool> HasConditionalPutsAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            // The first is sent without condition: some refuse the header as such.
            await PutAsync(connection.Client, key, null, cancellationToken);
            await PutAsync(connection.Client, key, "*", cancellationToken);
            return false;
        }
        catch (S3AnswerException answer) when (answer.IsPreconditionFailed)
        {
            return true;
        }
        catch (IOException failure) when (failure.InnerException is AmazonServiceException { StatusCode: HttpStatusCode.NotImplemented or HttpStatusCode.BadRequest })
        {
            return false;
        }
    }

    /// <summary>A body that was changed after signing must be refused. On a connection of its own, because some servers never answer on it again.</summary>
    private async Task<bool> ChecksPayloadAsync(string key, CancellationToken cancellationToken)
    {
        using AmazonS3Client forging = connection.NewClient(inner => new ForgingHandler(inner));
        try
        {
            await PutAsync(forging, key, null, cancellationToken);
            return false;
        }
        catch (IOException failure) when (failure.InnerException is AmazonServiceException { StatusCode: HttpStatusCode.BadRequest or HttpStatusCode.Forbidden })
        {
            return true;
        }
    }

    private Task<PutObjectResponse> PutAsync(AmazonS3Client client, string key, string? ifNoneMatch, CancellationToken cancellationToken) => connection.SendAsync(
        token => client.PutObjectAsync(
            new PutObjectRequest { BucketName = options.Bucket, Key = key, InputStream = new MemoryStream([1]), UseChunkEncoding = false, IfNoneMatch = ifNoneMatch }, token),
        cancellationToken);

    /// <summary>Sends another byte than the one that was signed.</summary>
    private sealed class ForgingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var forged = new ByteArrayContent([2]);
            foreach ((string name, IEnumerable<string> values) in request.Content?.Headers ?? new ByteArrayContent([]).Headers)
            {
                forged.Headers.TryAddWithoutValidation(name, values);
            }

            request.Content = forged;
            return base.SendAsync(request, cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Endpoint} has no conditional puts (If-None-Match): run one registry only over this bucket")]
        public static partial void NoConditionalPuts(ILogger logger, string endpoint);
    }
}

/// <summary>What a server can do.</summary>
/// <param name="HasConditionalPuts">It honours <c>If-None-Match: *</c>.</param>
/// <param name="ChecksPayload">It refuses a body whose SHA-256 is not the signed one.</param>
internal sealed record S3Abilities(bool HasConditionalPuts, bool ChecksPayload);
