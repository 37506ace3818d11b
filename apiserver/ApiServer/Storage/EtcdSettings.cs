using System.Text.RegularExpressions;
using AiModels.EtcdStore;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Storage;

/// <summary>From the options of a command to those of the store.</summary>
internal static partial class EtcdSettings
{
    /// <summary>What is wrong, as sentences.</summary>
    public static IEnumerable<string> Validate(EtcdOptions options)
    {
        if (options.EtcdServers.Count == 0)
        {
            yield return "--etcd-servers is missing: name etcd's members, https://HOST:2379";
        }

        foreach (string server in options.EtcdServers)
        {
            if (!Uri.TryCreate(server, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https") || url.PathAndQuery != "/")
            {
                yield return $"--etcd-servers: '{server}' is no member's address; want http://HOST:PORT or https://HOST:PORT";
            }
        }

        if (!PrefixPattern().IsMatch(options.EtcdPrefix))
        {
            yield return $"--etcd-prefix: '{options.EtcdPrefix}' must begin with a slash and not end with one, as {EtcdStoreOptions.DefaultPrefix}";
        }

        if (options.EtcdCertFile is null != options.EtcdKeyFile is null)
        {
            yield return "--etcd-certfile and --etcd-keyfile belong together";
        }

        if (options.EtcdUser is null != options.EtcdPasswordFile is null)
        {
            yield return "--etcd-user and --etcd-password-file belong together";
        }
    }

    /// <summary>Throws <see cref="BadOptionException"/> for a password that cannot be read.</summary>
    public static EtcdStoreOptions Of(EtcdOptions options, TimeSpan compactionInterval) => new()
    {
        Servers = [.. options.EtcdServers.Select(server => new Uri(server))],
        Prefix = options.EtcdPrefix,
        CaFile = options.EtcdCaFile,
        CertFile = options.EtcdCertFile,
        KeyFile = options.EtcdKeyFile,
        UserName = options.EtcdUser,
        Password = options.EtcdPasswordFile is { } file ? ReadPassword(file) : null,
        CompactionInterval = compactionInterval,
    };

    private static string ReadPassword(string file)
    {
        try
        {
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new BadOptionException($"--etcd-password-file: {cause.Message}");
        }
    }

    [GeneratedRegex("^(/[^/]+)+$")]
    private static partial Regex PrefixPattern();
}
