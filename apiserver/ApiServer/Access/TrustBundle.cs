using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;

namespace AiModels.ApiServer.Access;

/// <summary>Whom to believe: the authorities of client certificates, and the front proxy's with the names of its headers (contract A1).</summary>
internal sealed record TrustBundle
{
    public X509Certificate2Collection ClientAuthorities { get; init; } = [];

    /// <summary>Empty: nobody is believed to be the front proxy.</summary>
    public X509Certificate2Collection ProxyAuthorities { get; init; } = [];
    public FrontProxyOptions FrontProxy { get; init; } = new();

    /// <summary>
    /// Reads the data of the ConfigMap <c>kube-system/extension-apiserver-authentication</c>. Values that are not PEM are JSON arrays of strings.
    /// </summary>
    /// <exception cref="FormatException">A value is not of its form; the message names the key.</exception>
    public static TrustBundle Read(JsonObject configMap) => new()
    {
        ClientAuthorities = Certificates(configMap, "client-ca-file"),
        ProxyAuthorities = Certificates(configMap, "requestheader-client-ca-file"),
        FrontProxy = new FrontProxyOptions
        {
            AllowedNames = Names(configMap, "requestheader-allowed-names") ?? [],
            UsernameHeaders = Names(configMap, "requestheader-username-headers") ?? [],
            UidHeaders = Names(configMap, "requestheader-uid-headers") ?? [],
            GroupHeaders = Names(configMap, "requestheader-group-headers") ?? [],
            ExtraHeaderPrefixes = Names(configMap, "requestheader-extra-headers-prefix") ?? [],
        },
    };

    private static X509Certificate2Collection Certificates(JsonObject configMap, string key)
    {
        X509Certificate2Collection certificates = [];
        try
        {
            certificates.ImportFromPem((string?)configMap["data"]?[key] ?? "");
            return certificates;
        }
        catch (CryptographicException cause)
        {
            throw new FormatException($"{key}: {cause.Message}", cause);
        }
    }

    private static string[]? Names(JsonObject configMap, string key)
    {
        string text = (string?)configMap["data"]?[key] ?? "";
        try
        {
            return text.Length == 0 ? null : JsonSerializer.Deserialize<string[]>(text);
        }
        catch (JsonException cause)
        {
            throw new FormatException($"{key}: '{text}' is not a JSON array of strings", cause);
        }
    }
}
