using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Certificates;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Grants;

namespace AiModels.ApiServer.Installation;

/// <summary>
/// The authority, certificates and keys of an installation:
/// <code>
/// Secret    ai-models-ca              ca.crt, ca.key      the authority; read by this command alone
/// ConfigMap ai-models-ca              ca.crt              what everybody trusts; the authority before it as well, until its certificates are over
/// Secret    ai-models-apiserver-tls   tls.crt, tls.key    serving certificate of the API server
/// Secret    ai-models-registry-tls    tls.crt, tls.key    serving certificate of the registry
/// Secret    ai-models-grant-key       grant.key           signs grants; the API server's alone
/// ConfigMap ai-models-grant-keys      ID.pem              its public half; the registry's
/// APIService v1alpha1.ai.deckhouse.io .spec.caBundle      so that kube-apiserver believes the API server
/// </code>
/// </summary>
internal sealed class InstallationTrust(IKubernetesClient client, CertificatesOptions options, TimeProvider time)
{
    public const string Authority = "ai-models-ca";
    public const string ApiServerCertificate = "ai-models-apiserver-tls";
    public const string RegistryCertificate = "ai-models-registry-tls";
    public const string GrantKey = "ai-models-grant-key";
    public const string GrantKeys = "ai-models-grant-keys";
    private const string Writer = "ai-models-certificates";
    private static readonly string ApiService = $"{GroupVersion.Version}.{GroupVersion.Group}";
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(60);
    private static readonly ResourceType ApiServices = new("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);

    /// <summary>Makes what is missing, wrong or nearly over. Tells each change in one line.</summary>
    public async IAsyncEnumerable<string> EnsureAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        JsonObject? stored = await client.GetAsync(ResourceTypes.Secrets, options.Namespace, Authority, cancellationToken);
        string? bundle = Text(stored, "ca.crt");
        CertificateAuthority? authority = Load(bundle, Text(stored, "ca.key"), LongerThan(Lifetime + RenewBefore)) is { } good ? CertificateAuthority.From(good, time) : null;
        if (authority is null)
        {
            authority = CertificateAuthority.Create(Authority, time);
            bundle = authority.CertificatePem + "\n" + PemBundle.First(bundle);
            await WriteAsync(ResourceTypes.Secrets, Authority, "Opaque", new() { ["ca.crt"] = bundle, ["ca.key"] = KeyOf(authority.Certificate) }, cancellationToken);
            yield return $"Secret {Authority}: a new authority";
        }

        using (authority)
        {
            if (await WriteAsync(ResourceTypes.ConfigMaps, Authority, null, new() { ["ca.crt"] = bundle! }, cancellationToken))
            {
                yield return $"ConfigMap {Authority}: written";
            }

            foreach ((string name, string service, List<string> more) in new[]
            {
                (ApiServerCertificate, "ai-models-apiserver", options.ApiserverHost), (RegistryCertificate, "ai-models-registry", options.RegistryHost),
            })
            {
                if (await EnsureCertificateAsync(authority, name, [$"{service}.{options.Namespace}.svc", $"{service}.{options.Namespace}.svc.cluster.local", .. more], cancellationToken))
                {
                    yield return $"Secret {name}: a new certificate";
                }
            }
        }

        await foreach (string change in EnsureGrantKeyAsync(cancellationToken))
        {
            yield return change;
        }

        // Last: from now on kube-apiserver sends requests.
        JsonObject registered = await client.GetAsync(ApiServices, null, ApiService, cancellationToken)
            ?? throw new KubernetesApiException(404, "NotFound", $"the APIService {ApiService} does not exist: apply the manifests of the API server");
        string encoded = Encode(bundle!);
        if ((string?)registered["spec"]?["caBundle"] != encoded)
        {
            var patch = new JsonObject { ["spec"] = new JsonObject { ["caBundle"] = encoded } };
            await client.PatchAsync(ApiServices, null, ApiService, KubernetesPatch.Merge, patch, null, Writer, cancellationToken);
            yield return $"APIService {ApiService}: caBundle written";
        }
    }

    private async Task<bool> EnsureCertificateAsync(CertificateAuthority authority, string name, IReadOnlyList<string> hosts, CancellationToken cancellationToken)
    {
        JsonObject? stored = await client.GetAsync(ResourceTypes.Secrets, options.Namespace, name, cancellationToken);
        bool IsGood(X509Certificate2 certificate) =>
            LongerThan(RenewBefore)(certificate) && authority.HasIssued(certificate) && hosts.All(host => certificate.MatchesHostname(host));
        if (Load(Text(stored, "tls.crt"), Text(stored, "tls.key"), IsGood) is { } good)
        {
            good.Dispose();
            return false;
        }

        using X509Certificate2 made = authority.Issue(new CertificateRequestOptions(hosts[0]) { Hosts = hosts, ForServer = true, Lifetime = Lifetime });
        return await WriteAsync(
            ResourceTypes.Secrets, name, "kubernetes.io/tls", new() { ["tls.crt"] = made.ExportCertificatePem() + "\n", ["tls.key"] = KeyOf(made) }, cancellationToken);
    }

    private async IAsyncEnumerable<string> EnsureGrantKeyAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("grant-key-");
        try
        {
            // The signer keeps its keys in files: those of this folder live for a moment.
            string file = Path.Combine(folder.FullName, "grant.key"), published = Path.Combine(folder.FullName, "public");
            JsonObject? stored = await client.GetAsync(ResourceTypes.Secrets, options.Namespace, GrantKey, cancellationToken);
            if (Text(stored, "grant.key") is { } known)
            {
                await File.WriteAllTextAsync(file, known, cancellationToken);
            }

            using (GrantSigner signer = GrantSigner.Open(file, time))
            {
                signer.PublishKey(published);
            }

            if (await WriteAsync(ResourceTypes.Secrets, GrantKey, "Opaque", new() { ["grant.key"] = await File.ReadAllTextAsync(file, cancellationToken) }, cancellationToken))
            {
                yield return $"Secret {GrantKey}: a new key";
            }

            var keys = Directory.EnumerateFiles(published).ToDictionary(path => Path.GetFileName(path), File.ReadAllText);
            if (await WriteAsync(ResourceTypes.ConfigMaps, GrantKeys, null, keys, cancellationToken))
            {
                yield return $"ConfigMap {GrantKeys}: written";
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Whether anything had to be written. A key of the object that is not ours stays.
    private async Task<bool> WriteAsync(ResourceType type, string name, string? secretType, Dictionary<string, string> texts, CancellationToken cancellationToken)
    {
        var data = new JsonObject(texts.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, secretType is null ? pair.Value : Encode(pair.Value))));
        JsonObject? stored = await client.GetAsync(type, options.Namespace, name, cancellationToken);
        if (stored is not null && data.All(pair => (string?)stored["data"]?[pair.Key] == (string?)pair.Value))
        {
            return false;
        }

        var document = new JsonObject
        {
            ["apiVersion"] = type.ApiVersion,
            ["kind"] = type.Kind,
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = options.Namespace, ["resourceVersion"] = (string?)stored?["metadata"]?["resourceVersion"] },
            ["data"] = data,
        };
        if (stored is not null)
        {
            await client.PatchAsync(type, options.Namespace, name, KubernetesPatch.Merge, document, null, Writer, cancellationToken);
            return true;
        }

        document["metadata"]!.AsObject().Remove("resourceVersion");
        if (secretType is not null)
        {
            document["type"] = secretType;
        }

        await client.CreateAsync(type, document, Writer, cancellationToken);
        return true;
    }

    private Predicate<X509Certificate2> LongerThan(TimeSpan rest) => certificate => certificate.NotAfter.ToUniversalTime() - time.GetUtcNow() > rest;

    // Null as well for what somebody edited until it was no certificate any more: it is made anew.
    private static X509Certificate2? Load(string? certificate, string? key, Predicate<X509Certificate2> isGood)
    {
        try
        {
            return certificate is not null && key is not null && X509Certificate2.CreateFromPem(certificate, key) is var loaded && isGood(loaded) ? loaded : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static string KeyOf(X509Certificate2 certificate)
    {
        using ECDsa key = certificate.GetECDsaPrivateKey() ?? throw new CryptographicException("the certificate that was made has no key");
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    private static string? Text(JsonObject? secret, string key) =>
        (string?)secret?["data"]?[key] is { } data ? Encoding.UTF8.GetString(Convert.FromBase64String(data)) : null;

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
