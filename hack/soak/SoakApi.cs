using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using AiModels.TestKit;

namespace AiModels.Soak;

/// <summary>The replicas as their clients see them: any of them may answer, and any may be gone at the moment.</summary>
internal sealed class SoakApi(IReadOnlyList<RunningReplica> replicas) : IDisposable
{
    public const string Collection = "/apis/ai.deckhouse.io/v1alpha1/modelcatalogsources";

    private readonly HttpClient[] _clients = [.. replicas.Select(replica => replica.Client())];

    public int Count => replicas.Count;

    /// <summary>One request to one replica. Throws <see cref="HttpRequestException"/> when it is gone.</summary>
    public async Task<(int Code, JsonObject Body)> SendAsync(
        int replica, HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken, string mediaType = "application/json")
    {
        using var request = new HttpRequestMessage(method, path) { Version = new Version(2, 0) };
        if (body is not null)
        {
            request.Content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue(mediaType));
        }

        using HttpResponseMessage response = await _clients[replica].SendAsync(request, cancellationToken);
        string text = await response.Content.ReadAsStringAsync(cancellationToken);
        return ((int)response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)!.AsObject() : []);
    }

    /// <summary>A read that is tried at one replica after the other until one answers it.</summary>
    public async Task<(int Code, JsonObject Body)> ReadAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                (int code, JsonObject body) = await SendAsync(Any(), HttpMethod.Get, path, null, cancellationToken);
                if (code < 500)
                {
                    return (code, body);
                }
            }
            catch (Exception gone) when (gone is HttpRequestException or IOException)
            {
                // The next one, or the same a little later.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>
    /// The lines of one watch. Over a connection of its own, HTTP/1.1, so that a slow reader is one for the server. Ends with the stream, however that ends.
    /// </summary>
    public async IAsyncEnumerable<JsonObject> WatchAsync(long after, int timeoutSeconds, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using HttpClient client = replicas[Any()].Client(version: new Version(1, 1));
        string path = $"{Collection}?watch=true&allowWatchBookmarks=true&resourceVersion={after}&timeoutSeconds={timeoutSeconds}";
        using HttpResponseMessage response = await client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            yield break;
        }

        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.EndsWith('}'))
            {
                yield break; // cut off by a kill
            }

            yield return JsonNode.Parse(line)!.AsObject();
        }
    }

    public int Any() => Random.Shared.Next(replicas.Count);

    public void Dispose()
    {
        foreach (HttpClient client in _clients)
        {
            client.Dispose();
        }
    }
}
