using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace AiModels.Bench;

/// <summary>Connections to one API server. Its certificate is believed by the machine, or by SSL_CERT_FILE.</summary>
internal sealed class ApiConnections : IDisposable
{
    /// <summary>Models of the default namespace.</summary>
    public const string Collection = "/apis/ai.deckhouse.io/v1alpha1/namespaces/default/models";

    private readonly HttpClient[] _clients;

    /// <param name="count">How many TCP connections the requests are spread over.</param>
    public ApiConnections(Uri server, string token, int count) => _clients = [.. Enumerable.Range(0, count).Select(_ => Connect(server, token))];

    /// <summary>The n-th connection; numbers beyond the last begin again.</summary>
    public HttpClient this[int n] => _clients[n % _clients.Length];

    /// <summary>Sends one request and reads all of its answer, which must be a success.</summary>
    public async Task<string> SendAsync(int connection, HttpMethod method, string path, string? body, string? mediaType, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path) { Version = HttpVersion.Version20 };
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, mediaType!);
        }

        using HttpResponseMessage response = await this[connection].SendAsync(request, cancellationToken);
        string answer = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? answer : throw new InvalidOperationException($"{method} {path}: {response.StatusCode} {answer}");
    }

    public void Dispose()
    {
        foreach (HttpClient client in _clients)
        {
            client.Dispose();
        }
    }

    private static HttpClient Connect(Uri server, string token) => new(new SocketsHttpHandler
    {
        InitialHttp2StreamWindowSize = 1 << 20,
    })
    {
        BaseAddress = server,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        Timeout = Timeout.InfiniteTimeSpan,
    };
}
