using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// GET requests to one hub and to wherever it redirects. Redirects are followed by hand, because a token is for the hub alone; rate limits are kept
/// (<see cref="HubLimits"/>). Thread-safe.
/// </summary>
internal sealed class HubTransport(HttpClient http, Uri endpoint, HubLimits limits, HubTransfer transfer)
{
    private const int MaxRedirects = 10;

    /// <summary>Base address, with a slash at its end.</summary>
    public Uri Endpoint => endpoint;

    /// <summary>Budget, patience and retries.</summary>
    public HubTransfer Transfer => transfer;

    /// <summary>With the connection settings that all hubs share.</summary>
    public static HubTransport Create(IServiceProvider provider, Uri endpoint)
    {
        var options = provider.GetRequiredService<PreparationOptions>();
        var transfer = provider.GetRequiredService<HubTransfer>();
        var home = new Uri(endpoint.AbsoluteUri.TrimEnd('/') + "/");
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        };
        if (options.SourceProxy is { } proxy)
        {
            handler.Proxy = new WebProxy(proxy);
        }

        handler.ConnectCallback = new GuardedConnections(home, handler.Proxy ?? HttpClient.DefaultProxy).ConnectAsync;

        if (ControllerServices.Roots(options.SourceCaFile, "--source-ca-file") is { } roots)
        {
            handler.SslOptions.CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        // Time limits are per answer and per read, not for a whole download.
        var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.UserAgent.ParseAdd("ai-models/0");
        return new HubTransport(http, home, new HubLimits(home, provider.GetRequiredService<IHubPauses>(), transfer.Time), transfer);
    }

    /// <summary>
    /// The answer at the end of all redirects, whatever its status; its body is not read yet. Throws <see cref="HubException"/> when none comes. Asks once:
    /// who wants more asks through <see cref="HubTransfer.Retries"/>.
    /// </summary>
    /// <param name="access">Its token is sent to the hub, and to no other host.</param>
    public async Task<HttpResponseMessage> GetAsync(Uri target, HubAccess access, RangeHeaderValue? range, string? accept, CancellationToken cancellationToken)
    {
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            await limits.WaitAsync(target, cancellationToken);
            using var request = new HttpRequestMessage(HttpMethod.Get, target);

            // Without this, text comes compressed and ranges are ignored.
            request.Headers.AcceptEncoding.ParseAdd("identity");
            request.Headers.Range = range;
            if (accept is not null)
            {
                request.Headers.Accept.ParseAdd(accept);
            }

            if (access.Token is { } token && IsHub(target))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            HttpResponseMessage response = await SendAsync(request, cancellationToken);
            await limits.NoteAsync(response, cancellationToken);
            if (IsHub(target))
            {
                access.Notices.Note(response);
            }

            if (response.StatusCode is not (HttpStatusCode.Moved or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            target = Next(target, location);
        }

        throw new HubException($"{endpoint.Host} redirects more than {MaxRedirects} times.", HttpStatusCode.BadRequest);
    }

    /// <summary>A whole small answer. Throws <see cref="HubException"/> for one that is larger than it may be or does not come to its end.</summary>
    public async Task<byte[]> ReadAsync(HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        string host = response.RequestMessage!.RequestUri!.Host;
        if (Encoding(response) is { } encoding)
        {
            throw new HubException($"{host} answers with Content-Encoding '{encoding}', which it was asked not to: a proxy changes what it carries.", HttpStatusCode.BadGateway);
        }

        using var patience = new CancellationTokenSource(transfer.Patience.Answer, transfer.Time);
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
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw HubException.Unreachable(host, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException($"{host} did not end its answer within {transfer.Patience.Answer.TotalSeconds:0.#} s.", HttpStatusCode.GatewayTimeout, inner: e);
        }
    }

    /// <summary>How a body is encoded that was asked for as it is; null when it is as it should be.</summary>
    public static string? Encoding(HttpResponseMessage response) => response.Content.Headers.ContentEncoding.FirstOrDefault(encoding => encoding != "identity");

    private bool IsHub(Uri target) => target.Scheme == endpoint.Scheme && target.Authority == endpoint.Authority;

    /// <summary>Never from a protected connection to an open one.</summary>
    private static Uri Next(Uri from, Uri location)
    {
        var next = new Uri(from, location);
        return next.Scheme == Uri.UriSchemeHttps || (next.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp)
            ? next
            : throw new HubException($"{from.Host} redirects from {from.Scheme} to {next.Scheme}.", HttpStatusCode.BadRequest);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string host = request.RequestUri!.Host;
        using var patience = new CancellationTokenSource(transfer.Patience.Answer, transfer.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (HttpRequestException e) when (e.GetBaseException() is HubException refused)
        {
            // Of GuardedConnections: no failure of the way, and nothing that passes.
            throw new HubException(refused.Message, refused.Status, inner: e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw HubException.Unreachable(host, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException($"{host} did not answer within {transfer.Patience.Answer.TotalSeconds:0.#} s.", HttpStatusCode.GatewayTimeout, inner: e);
        }
    }
}
