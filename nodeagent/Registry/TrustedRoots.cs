using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiModels.Hosting.CommandLine;

namespace AiModels.NodeAgent.Registry;

/// <summary>Certificates of --registry-ca-file.</summary>
internal static class TrustedRoots
{
    public static X509Certificate2Collection? Load(string? path)
    {
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }

        try
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(path);
            return roots.Count > 0 ? roots : throw new BadOptionException($"--registry-ca-file: {path} holds no certificate");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new BadOptionException($"--registry-ca-file: {e.Message}");
        }
    }
}
