using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Amazon.Runtime;
using Amazon.S3;
using Polly;
using Polly.Retry;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// Requests to the bucket, with the one policy for all: a limit of time for each attempt, bounded retries with growing pauses, rotated credentials taken up, errors in words.
/// The SDK's own retries are off, because they know neither our clock nor our credentials.
/// </summary>
internal sealed class S3Connection : IDisposable
{
    // Copies and completions happen inside the server, and for terabytes they take their time.
    private static readonly TimeSpan ServerSide = TimeSpan.FromMinutes(10);

    // 1 MB/s: a request whose body moves slower than that is as good as stalled.
    private const double SlowestBytesPerSecond = 1e6;

    // 256 KiB of a body at a time: with the SDK's 8 KiB each of them is a system call.
    private const int BodyBlock = 256 * 1024;

    private readonly S3Options _options;
    private readonly FileCredentials _credentials;
    private readonly TimeProvider _clock;
    private readonly ResiliencePipeline _retries;

    public S3Connection(S3Options options, TimeProvider clock)
    {
        _options = options;
        _clock = clock;
        _credentials = new FileCredentials(options.CredentialsFolder, clock);
        Client = NewClient(inner => inner);
        _retries = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = Math.Max(1, options.MaxRetries),
            Delay = options.FirstRetryDelay,
            MaxDelay = TimeSpan.FromSeconds(5),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is { } failure && S3Errors.IsTransient(failure)),
        }).Build();
    }

    public AmazonS3Client Client { get; }

    /// <summary>A request with little in and out.</summary>
    public Task<T> SendAsync<T>(Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken) => SendAsync(request, _options.Patience, cancellationToken);

    /// <summary>A request with a body of this many bytes.</summary>
    public Task<T> SendAsync<T>(long bodyLength, Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken) =>
        SendAsync(request, PatienceFor(bodyLength), cancellationToken);

    /// <summary>How long a request with a body of this many bytes may take.</summary>
    public TimeSpan PatienceFor(long bodyLength) => _options.Patience + TimeSpan.FromSeconds(bodyLength / SlowestBytesPerSecond);

    /// <summary>A request that lets the server work.</summary>
    public Task<T> SendLongAsync<T>(Func<CancellationToken, Task<T>> request, CancellationToken cancellationToken) => SendAsync(request, ServerSide, cancellationToken);

    /// <summary>A client of its own, whose requests pass through a handler.</summary>
    public AmazonS3Client NewClient(Func<HttpMessageHandler, HttpMessageHandler> wrap)
    {
        var config = new AmazonS3Config
        {
            ForcePathStyle = _options.UsePathStyle,
            AuthenticationRegion = _options.Region,

            // Servers that do not know the checksums of 2024 refuse requests with them.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            HttpClientFactory = new Clients(() => wrap(NewHandler())),
            BufferSize = BodyBlock,
            MaxErrorRetry = 0,
            Timeout = Timeout.InfiniteTimeSpan,
            DisableLogging = true,
        };
        if (_options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.AbsoluteUri;
        }
        else
        {
            config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(_options.Region);
        }

        return new S3Client(_credentials, config);
    }

    /// <summary>An HTTP client that trusts what <see cref="Client"/> trusts, for URLs that carry their own signature.</summary>
    public HttpClient NewHttpClient() => new(NewHandler()) { Timeout = _options.Patience };

    public void Dispose() => Client.Dispose();

    private async Task<T> SendAsync<T>(Func<CancellationToken, Task<T>> request, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            return await _retries.ExecuteAsync(async token => await AttemptAsync(request, patience, token), cancellationToken);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            throw S3Errors.Translate(failure, _options);
        }
    }

    /// <summary>One attempt, and a second at once when the credentials were refused and others have come.</summary>
    private async Task<T> AttemptAsync<T>(Func<CancellationToken, Task<T>> request, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            return await AttemptOnceAsync(request, patience, cancellationToken);
        }
        catch (AmazonServiceException failure) when (S3Errors.IsRefusal(failure) && _credentials.Reload())
        {
            return await AttemptOnceAsync(request, patience, cancellationToken);
        }
    }

    private async Task<T> AttemptOnceAsync<T>(Func<CancellationToken, Task<T>> request, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(patience, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return await request(either.Token);
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no answer within {patience.TotalSeconds:0} s", failure);
        }
    }

    private SocketsHttpHandler NewHandler()
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),

            // So that a name that points elsewhere is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, problems) => IsTrusted(certificate, chain, problems);
        return handler;
    }

    /// <summary>Reads the authorities at each handshake, which are few: a bundle that was replaced counts at once.</summary>
    private bool IsTrusted(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors problems)
    {
        string file = _options.CaFile ?? Path.Combine(_options.CredentialsFolder, FileCredentials.CaFile);
        if (_options.IsInsecure || problems == SslPolicyErrors.None)
        {
            return true;
        }

        // Another authority cures only a broken chain, never a wrong name.
        if (problems != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf || chain is null || !File.Exists(file))
        {
            return false;
        }

        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(file);
        return chain.Build(leaf);
    }

    private sealed class Clients(Func<HttpMessageHandler> handler) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(handler()) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
