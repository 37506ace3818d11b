using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;

namespace AiModels.LocalCluster.Host.Aggregation;

/// <summary>The connection to the API server behind the host: HTTP/2 with the front proxy's certificate, the user in X-Remote-* headers.</summary>
internal sealed class AggregationClient : IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly Uri _server;

    public AggregationClient(Uri server, X509Certificate2 authority, X509Certificate2 frontProxy)
    {
        _server = server;
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            AllowAutoRedirect = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            ResponseHeaderEncodingSelector = static (name, _) => name.Equals("Warning", StringComparison.OrdinalIgnoreCase) ? Encoding.UTF8 : null,
            InitialHttp2StreamWindowSize = 1 << 20,
            PlaintextStreamFilter = (connection, _) => ValueTask.FromResult<Stream>(new RepeatedGroups(connection.PlaintextStream)),
        };
        handler.SslOptions.ClientCertificates = [frontProxy];
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(authority);
        _http = new HttpMessageInvoker(handler);
    }

    /// <summary>A request in the name of a user.</summary>
    public HttpRequestMessage Request(HttpMethod method, string pathAndQuery, UserInfo user)
    {
        var request = new HttpRequestMessage(method, new Uri(_server, pathAndQuery)) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TryAddWithoutValidation("X-Remote-User", user.Name);
        if (RepeatedGroups.Join(user.Groups) is { Length: > 0 } groups) request.Headers.TryAddWithoutValidation(RepeatedGroups.Header, groups);
        if (user.Uid.Length > 0) request.Headers.TryAddWithoutValidation("X-Remote-Uid", user.Uid);
        foreach ((string key, IReadOnlyList<string> values) in user.Extra)
            foreach (string value in values) request.Headers.TryAddWithoutValidation("X-Remote-Extra-" + Uri.EscapeDataString(key), value);
        return request;
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => _http.SendAsync(request, cancellationToken);

    /// <summary>A document, asked for as the aggregator itself.</summary>
    public async Task<JsonObject> GetJsonAsync(string path, string accept, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request(HttpMethod.Get, path, new UserInfo { Name = "system:aggregator", Groups = [UserInfo.MastersGroup, UserInfo.AuthenticatedGroup] });
        request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        using HttpResponseMessage answer = await SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
        await using Stream stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        return (await JsonNode.ParseAsync(stream, cancellationToken: cancellationToken))?.AsObject() ?? [];
    }

    public void Dispose() => _http.Dispose();
}
