using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Admission;

/// <summary>Asks webhooks over HTTPS. Connections are kept, one set for each authority.</summary>
internal sealed class WebhookClient(TimeProvider time) : IDisposable
{
    // An answer carries a patch at most: as for request bodies.
    private const int MaximumAnswer = 3 * 1024 * 1024;

    // Authorities change when their certificates are renewed; the clients of old ones are few and idle.
    private readonly ConcurrentDictionary<string, HttpClient> _clients = new(StringComparer.Ordinal);

    /// <exception cref="WebhookFailedException">No answer, or one that is none.</exception>
    public async Task<WebhookResponse> AskAsync(Webhook webhook, AdmissionRequest request, bool isMutating, CancellationToken cancellationToken)
    {
        string uid = Guid.NewGuid().ToString();
        if (webhook.Address is null)
        {
            throw new WebhookFailedException("failed to call webhook: clientConfig names no usable url or service");
        }

        using var deadline = new CancellationTokenSource(webhook.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            HttpClient client = _clients.GetOrAdd(webhook.CaBundle, Create);
            using var body = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(AdmissionReview.For(request, uid, webhook.ReviewVersion)));
            body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using HttpResponseMessage answer = await client.PostAsync(webhook.Address, body, either.Token);
            byte[] bytes = await answer.Content.ReadAsByteArrayAsync(either.Token);
            if (!answer.IsSuccessStatusCode)
            {
                throw new WebhookFailedException($"failed to call webhook: {webhook.Address.GetLeftPart(UriPartial.Path)} answered {(int)answer.StatusCode}");
            }

            return WebhookResponse.Read(JsonNode.Parse(bytes) as JsonObject, uid, webhook.ReviewVersion, isMutating);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new WebhookFailedException($"failed to call webhook: Post \"{webhook.Address}\": context deadline exceeded");
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or JsonException or FormatException or System.Security.Cryptography.CryptographicException)
        {
            throw new WebhookFailedException($"failed to call webhook: Post \"{webhook.Address}\": {(cause.InnerException ?? cause).Message}", cause);
        }
    }

    public void Dispose()
    {
        foreach (HttpClient client in _clients.Values)
        {
            client.Dispose();
        }
    }

    private static HttpClient Create(string caBundle)
    {
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
        if (caBundle.Length > 0)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(caBundle)));
        }

        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaximumAnswer };
    }
}
