using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Certificates;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// The webhook's certificate, made by ourselves and shared by all replicas through a Secret, so that no certificate manager is needed. Renewed a month before
/// its end; the CA bundle keeps the old CA until the next renewal, so that replicas may change over one after the other.
/// </summary>
internal sealed class WebhookCertificate(IKubernetesClient client, WebhookOptions options, TimeProvider time) : IDisposable
{
    public const string SecretName = "ai-models-webhook";
    public const string ServiceName = "ai-models-controllers";
    private const string BundleKey = "ca.crt";
    private const string CertificateKey = "tls.crt";
    private const string PrivateKeyKey = "tls.key";
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    private X509Certificate2? _current;

    /// <summary>What TLS handshakes use; null before the first <see cref="EnsureAsync"/>.</summary>
    public X509Certificate2? Current => _current;

    /// <summary>Reads the Secret, or makes it or makes it anew. Gives the CA bundle, PEM.</summary>
    public async Task<string> EnsureAsync(CancellationToken cancellationToken)
    {
        JsonObject? secret = await client.GetAsync(ResourceTypes.Secrets, options.Namespace, SecretName, cancellationToken);
        if (secret is not null && Load(secret) is { } loaded && loaded.NotAfter.ToUniversalTime() - time.GetUtcNow() > RenewBefore && loaded.MatchesHostname(Host))
        {
            Use(loaded);
            return Text(secret, BundleKey)!;
        }

        using var authority = CertificateAuthority.Create("ai-models-webhook-ca", time);
        X509Certificate2 made = authority.Issue(new CertificateRequestOptions(Host) { Hosts = [Host], ForServer = true, Lifetime = Lifetime });
        string bundle = authority.CertificatePem + "\n" + PemBundle.First(Text(secret, BundleKey));
        await WriteAsync(secret, bundle, made, cancellationToken);
        Use(made);
        return bundle;
    }

    public void Dispose() => _current?.Dispose();

    /// <summary>The name or address that the API server calls, and that the certificate must have.</summary>
    private string Host => options.Url?.Host ?? $"{ServiceName}.{options.Namespace}.svc";

    private static X509Certificate2? Load(JsonObject secret)
    {
        try
        {
            return Text(secret, CertificateKey) is { } certificate && Text(secret, PrivateKeyKey) is { } key ? X509Certificate2.CreateFromPem(certificate, key) : null;
        }
        catch (CryptographicException)
        {
            return null; // somebody edited it: it is made anew
        }
    }

    private static string? Text(JsonObject? secret, string key) =>
        (string?)secret?["data"]?[key] is { } data ? Encoding.UTF8.GetString(Convert.FromBase64String(data)) : null;

    private async Task WriteAsync(JsonObject? old, string bundle, X509Certificate2 made, CancellationToken cancellationToken)
    {
        using ECDsa key = made.GetECDsaPrivateKey() ?? throw new CryptographicException("the certificate that was made has no key");
        var document = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = SecretName, ["namespace"] = options.Namespace },
            ["type"] = "kubernetes.io/tls",
            ["data"] = new JsonObject
            {
                [BundleKey] = Encode(bundle),
                [CertificateKey] = Encode(made.ExportCertificatePem()),
                [PrivateKeyKey] = Encode(key.ExportPkcs8PrivateKeyPem()),
            },
        };
        if (old is null)
        {
            // Another replica may be quicker: AlreadyExists goes up, and the next try reads what it made.
            await client.CreateAsync(ResourceTypes.Secrets, document, FieldManagers.Controllers, cancellationToken);
            return;
        }

        document["metadata"]!["resourceVersion"] = (string?)old["metadata"]?["resourceVersion"];
        await client.PatchAsync(ResourceTypes.Secrets, options.Namespace, SecretName, KubernetesPatch.Merge, document, null, FieldManagers.Controllers, cancellationToken);
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    /// <summary>The one before stays alive: a handshake may still be using it. There is one a year.</summary>
    private void Use(X509Certificate2 certificate)
    {
        if (_current?.Thumbprint != certificate.Thumbprint)
        {
            _current = certificate;
        }
        else
        {
            certificate.Dispose();
        }
    }
}
