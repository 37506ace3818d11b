using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AiModels.Hosting.CommandLine;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AiModels.Hosting.Kubernetes;

/// <summary>Reads the current context of a kubeconfig file. Credential plugins (exec, auth-provider) are not run: the message says so.</summary>
internal static class Kubeconfig
{
    public static KubernetesConnection Load(string path, string option)
    {
        try
        {
            using StreamReader reader = File.OpenText(path);
            var stream = new YamlStream();
            stream.Load(reader);
            var file = stream.Documents.Count > 0 ? stream.Documents[0].RootNode as YamlMappingNode : null;
            return Read(file ?? throw new InvalidDataException("it is empty"), Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or YamlException or InvalidDataException or FormatException or CryptographicException)
        {
            throw new BadOptionException($"{option}: {path}: {e.Message}");
        }
    }

    private static KubernetesConnection Read(YamlMappingNode file, string directory)
    {
        string name = Text(file, "current-context") is { Length: > 0 } given ? given : throw new InvalidDataException("current-context is not set");
        YamlMappingNode context = Named(file, "contexts", name, "context");
        YamlMappingNode cluster = Named(file, "clusters", Text(context, "cluster") ?? "", "cluster");
        YamlMappingNode user = Text(context, "user") is { Length: > 0 } userName ? Named(file, "users", userName, "user") : [];
        if (Child(user, "exec") != null || Child(user, "auth-provider") != null)
            throw new InvalidDataException("credential plugins (exec, auth-provider) are not supported; use a token or a client certificate");

        string server = Text(cluster, "server") ?? throw new InvalidDataException("the cluster has no server");
        return new KubernetesConnection
        {
            Server = new Uri(server.EndsWith('/') ? server : server + "/"),
            TlsServerName = Text(cluster, "tls-server-name"),
            SkipTlsVerification = Text(cluster, "insecure-skip-tls-verify") == "true",
            CertificateAuthorities = Material(cluster, "certificate-authority", directory) is { } pem ? Certificates(pem) : null,
            ClientCertificate = Material(user, "client-certificate", directory) is { } certificate
                ? X509Certificate2.CreateFromPem(certificate, Material(user, "client-key", directory) ?? throw new InvalidDataException("client-certificate without client-key"))
                : null,
            Token = Text(user, "token"),
            TokenFile = Text(user, "token") == null && Text(user, "tokenFile") is { } tokenFile ? Path.Combine(directory, tokenFile) : null,
            Basic = Text(user, "username") is { } login ? new NetworkCredential(login, Text(user, "password")) : null,
            Namespace = Text(context, "namespace") is { Length: > 0 } ns ? ns : "default",
        };
    }

    /// <summary>PEM text embedded as KEY-data (base64), or in the file KEY names.</summary>
    private static string? Material(YamlMappingNode node, string key, string directory)
    {
        if (Text(node, key + "-data") is { Length: > 0 } data) return Encoding.ASCII.GetString(Convert.FromBase64String(data));
        return Text(node, key) is { Length: > 0 } file ? File.ReadAllText(Path.Combine(directory, file)) : null;
    }

    private static X509Certificate2Collection Certificates(string pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(pem);
        return certificates;
    }

    private static YamlMappingNode Named(YamlMappingNode file, string list, string name, string content) =>
        (Child(file, list) as YamlSequenceNode)?.Children.OfType<YamlMappingNode>().FirstOrDefault(e => Text(e, "name") == name) is { } entry
            ? Child(entry, content) as YamlMappingNode ?? []
            : throw new InvalidDataException($"'{name}' is not among its {list}");

    private static YamlNode? Child(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;

    private static string? Text(YamlMappingNode node, string key) => (Child(node, key) as YamlScalarNode)?.Value;
}
