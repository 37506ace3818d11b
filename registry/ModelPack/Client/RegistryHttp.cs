using System.Security.Cryptography.X509Certificates;

namespace AiModels.ModelPack.Client;

/// <summary>Plain HTTP to a registry, for what is not the distribution API.</summary>
public static class RegistryHttp
{
    /// <summary>A client for <c>https://host[:port]</c>, <c>http://host[:port]</c> or <c>unix:///path</c>. Throws <see cref="IOException"/> when address or file are no good.</summary>
    public static HttpClient Open(string address, string? authoritiesFile)
    {
        X509Certificate2Collection? roots = null;
        if (authoritiesFile is not null)
        {
            roots = [];
            roots.ImportFromPemFile(authoritiesFile);
        }

        try
        {
            (Uri baseAddress, HttpMessageHandler handler) = RegistryAddress.Open(new RegistryClientOptions { Address = address, TrustedRoots = roots });
            return new HttpClient(handler) { BaseAddress = baseAddress };
        }
        catch (FormatException failure)
        {
            throw new IOException(failure.Message, failure);
        }
    }
}
