using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Polly;

namespace AiModels.Hosting.Kubernetes;

/// <summary><see cref="IKubernetesClient"/> over HttpClient.</summary>
public sealed class KubernetesClient : IKubernetesClient, IDisposable
{
    // As client-go's reflector: a page is big enough to be few requests and small enough for any server's memory.
    private const int PageSize = 500;

    // Of one exchange that is not a watch; kube-apiserver itself gives up after 60 s.
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(65);

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline<HttpResponseMessage> _reads;
    private readonly ResiliencePipeline<HttpResponseMessage> _writes;

    public KubernetesClient(KubernetesConnection connection, TimeProvider time)
        : this(connection.CreateHttpClient(time), time)
    {
    }

    /// <summary>Over a client whose BaseAddress is the server; it is disposed with this.</summary>
    public KubernetesClient(HttpClient http, TimeProvider time)
    {
        (_http, _time) = (http, time);
        _reads = KubernetesRetry.Create(repeatable: true, time);
        _writes = KubernetesRetry.Create(repeatable: false, time);
    }

    public async Task<JsonObject?> GetAsync(ResourceType type, string? ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            return await SendAsync(HttpMethod.Get, KubernetesPath.Of(type, ns, name), null, null, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404 && IsAboutObject(e, name))
        {
            return null;
        }
    }

    public async Task<KubernetesList> ListAsync(ResourceType type, string? ns, KubernetesListOptions? options, CancellationToken cancellationToken)
    {
        var items = new List<JsonObject>();
        string? next = null;
        while (true)
        {
            JsonObject page;
            try
            {
                page = await SendAsync(HttpMethod.Get, KubernetesPath.WithQuery(
                    KubernetesPath.Of(type, ns),
                    ("labelSelector", options?.LabelSelector),
                    ("fieldSelector", options?.FieldSelector),
                    ("resourceVersion", next == null ? options?.ResourceVersion : null),
                    ("limit", PageSize.ToString(CultureInfo.InvariantCulture)),
                    ("continue", next)), null, null, cancellationToken);
            }
            catch (KubernetesApiException e) when (e.IsExpired && next != null)
            {
                // The pages' revision was compacted meanwhile: start over.
                items.Clear();
                next = null;
                continue;
            }

            Take(page, type, items);
            next = (string?)page["metadata"]?["continue"];
            if (string.IsNullOrEmpty(next)) return new KubernetesList((string?)page["metadata"]?["resourceVersion"] ?? "", items);
        }
    }

    public async IAsyncEnumerable<KubernetesEvent> WatchAsync(
        ResourceType type, string? ns, KubernetesListOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string path = KubernetesPath.WithQuery(
            KubernetesPath.Of(type, ns),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("labelSelector", options?.LabelSelector),
            ("fieldSelector", options?.FieldSelector),
            ("resourceVersion", options?.ResourceVersion),
            ("timeoutSeconds", options?.Timeout?.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)));
        using HttpResponseMessage answer = await _reads.ExecuteAsync(
            async token => await _http.SendAsync(Request(HttpMethod.Get, path, null, null), HttpCompletionOption.ResponseHeadersRead, token), cancellationToken);
        if (!answer.IsSuccessStatusCode) throw await ErrorAsync(answer, cancellationToken);
        await using Stream stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (JsonObject line in WatchStream.ReadAsync(stream, cancellationToken))
        {
            if (line["object"] is not JsonObject obj) continue;
            string kind = (string?)line["type"] ?? "";
            if (kind == "ERROR") throw Error((int?)obj["code"] ?? 500, obj);
            line.Remove("object");
            yield return new KubernetesEvent(kind, obj);
        }
    }

    public Task<JsonObject> CreateAsync(ResourceType type, JsonObject body, string? fieldManager, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, KubernetesPath.WithQuery(KubernetesPath.Of(type, Namespace(body)), ("fieldManager", fieldManager)), body, null, cancellationToken);

    public Task<JsonObject> UpdateAsync(ResourceType type, JsonObject body, string? subresource, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, KubernetesPath.Of(type, Namespace(body), Name(body), subresource), body, null, cancellationToken);

    public Task<JsonObject> PatchAsync(
        ResourceType type, string? ns, string name, KubernetesPatch patch, JsonNode body, string? subresource, string? fieldManager, CancellationToken cancellationToken)
    {
        bool apply = patch == KubernetesPatch.Apply;
        string path = KubernetesPath.WithQuery(KubernetesPath.Of(type, ns, name, subresource), ("fieldManager", fieldManager), ("force", apply ? "true" : null));
        string contentType = patch switch
        {
            KubernetesPatch.Json => "application/json-patch+json",
            // JSON is YAML; kube-apiserver has known this name the longest.
            KubernetesPatch.Apply => "application/apply-patch+yaml",
            _ => "application/merge-patch+json",
        };
        return SendAsync(HttpMethod.Patch, path, body, contentType, cancellationToken);
    }

    public async Task DeleteAsync(ResourceType type, string? ns, string name, string? uid, string? propagationPolicy, CancellationToken cancellationToken)
    {
        var options = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
        if (uid != null) options["preconditions"] = new JsonObject { ["uid"] = uid };
        if (propagationPolicy != null) options["propagationPolicy"] = propagationPolicy;
        try
        {
            await SendAsync(HttpMethod.Delete, KubernetesPath.Of(type, ns, name), options, null, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404 && IsAboutObject(e, name))
        {
            // Already gone: that is what was asked for.
        }
    }

    public Task<JsonObject> SubresourceAsync(
        HttpMethod method, ResourceType type, string? ns, string name, string subresource, JsonObject? body, CancellationToken cancellationToken) =>
        SendAsync(method, KubernetesPath.Of(type, ns, name, subresource), body, null, cancellationToken);

    public Task<JsonObject> RawAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellationToken) =>
        SendAsync(method, path.TrimStart('/'), body, null, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<JsonObject> SendAsync(HttpMethod method, string path, JsonNode? body, string? contentType, CancellationToken cancellationToken)
    {
        byte[]? content = body == null ? null : JsonSerializer.SerializeToUtf8Bytes(body);
        using var deadline = new CancellationTokenSource(RequestTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            using HttpResponseMessage answer = await (method == HttpMethod.Get ? _reads : _writes).ExecuteAsync(
                async token => await _http.SendAsync(Request(method, path, content, contentType), HttpCompletionOption.ResponseHeadersRead, token), linked.Token);
            if (!answer.IsSuccessStatusCode) throw await ErrorAsync(answer, linked.Token);
            await using Stream stream = await answer.Content.ReadAsStreamAsync(linked.Token);
            return await JsonNode.ParseAsync(stream, cancellationToken: linked.Token) as JsonObject
                ?? throw new KubernetesApiException((int)answer.StatusCode, "InternalError", $"{method} {path}: the server answered with something that is not a JSON object");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new KubernetesApiException(504, "Timeout", $"{method} {path}: no answer within {RequestTimeout.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            // What callers expect of a server that goes away, whether that was before its answer or in the middle of it.
            throw new HttpRequestException(HttpRequestError.ResponseEnded, $"{method} {path}: the answer broke off: {e.Message}", e);
        }
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, byte[]? content, string? contentType)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (content == null) return request;
        request.Content = new ByteArrayContent(content);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType ?? "application/json");
        return request;
    }

    private static async Task<KubernetesApiException> ErrorAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        string text = await answer.Content.ReadAsStringAsync(cancellationToken);
        JsonObject? status = null;
        try
        {
            status = JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            // A proxy's page, or plain text: it becomes the message below.
        }

        if ((string?)status?["kind"] == "Status") return Error((int)answer.StatusCode, status!);
        string message = text.Length is 0 or > 1000 ? $"{(int)answer.StatusCode} {answer.ReasonPhrase}" : text.Trim();
        return new KubernetesApiException((int)answer.StatusCode, answer.StatusCode == HttpStatusCode.NotFound ? "NotFound" : "Unknown", message);
    }

    private static KubernetesApiException Error(int code, JsonObject status) =>
        new(code, (string?)status["reason"] ?? "Unknown", (string?)status["message"] ?? "", status);

    /// <summary>Tells an object that is not there from a resource that is not served: the latter is an error to report.</summary>
    private static bool IsAboutObject(KubernetesApiException e, string name) => e.Reason == "NotFound" && (string?)e.Status?["details"]?["name"] == name;

    /// <summary>Moves the items out of a page. Items of built-in lists have no kind of their own, so that it is given to them.</summary>
    private static void Take(JsonObject page, ResourceType type, List<JsonObject> items)
    {
        if (page["items"] is not JsonArray array) return;
        JsonNode?[] nodes = [.. array];
        array.Clear();
        foreach (JsonObject item in nodes.OfType<JsonObject>())
        {
            item["apiVersion"] ??= type.ApiVersion;
            item["kind"] ??= type.Kind;
            items.Add(item);
        }
    }

    private static string? Namespace(JsonObject body) => (string?)body["metadata"]?["namespace"];

    private static string Name(JsonObject body) => (string?)body["metadata"]?["name"] ?? throw new ArgumentException("metadata.name is missing", nameof(body));
}
