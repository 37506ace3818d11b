using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// GET requests to one hub and to wherever it redirects. Redirects are followed by hand, because a token is for the hub alone; rate limits are waited for,
/// and one that was met holds back every request to this hub from this process. Thread-safe.
/// </summary>
internal sealed class HubTransport(HttpClient http, Uri endpoint, TimeProvider time)
{
    private const int MaxRedirects = 10;

    // How long an answer may take to begin. Two orders above what a hub takes when it is well.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    // A hub that asks for more than Hugging Face's own window of five minutes is not waited for in place: the preparation is tried again later.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(6);

    private long _heldUntilTicks;

    /// <summary>Base address, with a slash at its end.</summary>
    public Uri Endpoint => endpoint;

    /// <summary>With the connection settings that all hubs share.</summary>
    public static HubTransport Create(ControllersOptions options, Uri endpoint, TimeProvider time)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        };
        if (ControllerServices.Roots(options.SourceCaFile, "--source-ca-file") is { } roots)
        {
            handler.SslOptions.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        // Time limits are per answer and per read, not for a whole download.
        var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.UserAgent.ParseAdd("ai-models/0");
        return new HubTransport(http, new Uri(endpoint.AbsoluteUri.TrimEnd('/') + "/"), time);
    }

    /// <summary>The answer at the end of all redirects, whatever its status; its body is not read yet.</summary>
    /// <param name="token">Sent to the hub, and to no other host.</param>
    public async Task<HttpResponseMessage> GetAsync(Uri target, string? token, RangeHeaderValue? range, string? accept, CancellationToken cancellationToken)
    {
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            await HoldAsync(cancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Get, target);

            // Without this, text comes compressed and ranges are ignored.
            request.Headers.AcceptEncoding.ParseAdd("identity");
            request.Headers.Range = range;
            if (accept is not null)
            {
                request.Headers.Accept.ParseAdd(accept);
            }

            if (token is not null && IsHub(target))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            HttpResponseMessage response = await SendAsync(request, cancellationToken);
            NoteRateLimit(response);
            if (response.StatusCode is not (HttpStatusCode.Moved or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            var next = new Uri(target, location);
            target = next.Scheme == target.Scheme || next.Scheme == Uri.UriSchemeHttps
                ? next
                : throw new HubException($"{target.Host} redirects from {target.Scheme} to {next.Scheme}.", HttpStatusCode.BadGateway);
        }

        throw new HubException($"{endpoint.Host} redirects more than {MaxRedirects} times.", HttpStatusCode.BadGateway);
    }

    /// <summary>A whole small answer. Throws <see cref="HubException"/> for one that is larger than it may be.</summary>
    public async Task<byte[]> ReadAsync(HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        string host = response.RequestMessage!.RequestUri!.Host;
        using var patience = new CancellationTokenSource(AnswerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            await response.Content.LoadIntoBufferAsync(maxBytes, either.Token);
            return await response.Content.ReadAsByteArrayAsync(either.Token);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw new HubException($"{host} answered with more than the {maxBytes} bytes that such an answer may have.", HttpStatusCode.RequestEntityTooLarge);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{host} did not end its answer within {AnswerTimeout.TotalSeconds:0} s.", e);
        }
    }

    private bool IsHub(Uri target) => target.Scheme == endpoint.Scheme && target.Authority == endpoint.Authority;

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(AnswerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{request.RequestUri!.Host} did not answer within {AnswerTimeout.TotalSeconds:0} s.", e);
        }
    }

    private async Task HoldAsync(CancellationToken cancellationToken)
    {
        var wait = TimeSpan.FromTicks(Interlocked.Read(ref _heldUntilTicks) - time.GetUtcNow().UtcTicks);
        if (wait > LongestWait)
        {
            throw new HubException($"{endpoint.Host} asks for a pause of {wait.TotalMinutes:0} minutes (rate limit).", HttpStatusCode.TooManyRequests);
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    /// <summary>RateLimit: "resolvers";r=0;t=201 means that nothing is left for 201 seconds; a 429 may say it by Retry-After.</summary>
    private void NoteRateLimit(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.TooManyRequests)
        {
            return;
        }

        TimeSpan wait = response.Headers.RetryAfter?.Delta ?? FromRateLimit(response) ?? TimeSpan.FromSeconds(5);
        long until = (time.GetUtcNow() + wait + TimeSpan.FromSeconds(1)).UtcTicks;
        Interlocked.Exchange(ref _heldUntilTicks, Math.Max(until, Interlocked.Read(ref _heldUntilTicks)));
    }

    private static TimeSpan? FromRateLimit(HttpResponseMessage response) =>
        response.Headers.TryGetValues("RateLimit", out IEnumerable<string>? values)
        && values.SelectMany(value => value.Split(';')).FirstOrDefault(part => part.StartsWith("t=", StringComparison.Ordinal)) is { } part
        && int.TryParse(part.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
