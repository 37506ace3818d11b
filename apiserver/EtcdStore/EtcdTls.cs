using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.EtcdStore;

/// <summary>TLS to the members: whom to believe and what to show. Files that cannot be read fail at start, with their names.</summary>
internal static class EtcdTls
{
    public static SslClientAuthenticationOptions Options(EtcdStoreOptions options)
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.CaFile is { } authorities)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(authorities);
            tls.CertificateChainPolicy = policy;
        }

        if (options.CertFile is { } certificate)
        {
            string key = options.KeyFile ?? certificate;
            _ = new Reading(certificate, key).Certificate; // fails now rather than at the first connection
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => new Reading(certificate, key).Certificate;
        }

        return tls;
    }

    private sealed record Reading(string CertificateFile, string KeyFile)
    {
        public X509Certificate2 Certificate
        {
            get
            {
                try
                {
                    return X509Certificate2.CreateFromPemFile(CertificateFile, KeyFile);
                }
                catch (CryptographicException cause)
                {
                    throw new IOException($"'{CertificateFile}' and '{KeyFile}' are no certificate and key in PEM: {cause.Message}", cause);
                }
            }
        }
    }
}
