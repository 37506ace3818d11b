using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// Whether client certificates chain to one of a set of authorities and are meant for clients. A verdict is kept as long as the connection's certificate
/// object lives and the authorities are the same, because building a chain costs more than a request.
/// </summary>
/// <param name="authorities">The authorities now; a new collection object means that they were reloaded.</param>
public sealed class CertificateVerifier(Func<X509Certificate2Collection> authorities, TimeProvider time)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private readonly ConditionalWeakTable<X509Certificate2, Verdict> _verdicts = [];

    /// <summary>Null when the certificate is good, else why it is not.</summary>
    public string? Refusal(X509Certificate2 certificate)
    {
        X509Certificate2Collection trusted = authorities();
        DateTimeOffset now = time.GetUtcNow();
        if (!_verdicts.TryGetValue(certificate, out Verdict? verdict) || !ReferenceEquals(verdict.Authorities, trusted))
        {
            verdict = new Verdict(trusted, Verify(certificate, trusted, now));
            _verdicts.AddOrUpdate(certificate, verdict);
        }

        return verdict.Refusal ?? (now > certificate.NotAfter ? "x509: certificate has expired" : null);
    }

    private static string? Verify(X509Certificate2 certificate, X509Certificate2Collection trusted, DateTimeOffset now)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return chain.Build(certificate)
            ? null
            : "x509: " + string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct());
    }

    private sealed record Verdict(X509Certificate2Collection Authorities, string? Refusal);
}
