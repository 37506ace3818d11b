using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.TestKit;

/// <summary>A certificate authority of this process's own, for servers that are spoken to as the real ones are: by TLS, and trusted only by who was told to.</summary>
public sealed class TestAuthority : IDisposable
{
    private static readonly Lazy<TestAuthority> Instance = new(() => new TestAuthority());

    private readonly TempFolder _folder = new();
    private readonly X509Certificate2 _root;

    private TestAuthority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=AI Models tests", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        _root = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(40), DateTimeOffset.UnixEpoch.AddYears(100));
        PemFile = Path.Combine(_folder.Path, "ca.pem");
        File.WriteAllText(PemFile, _root.ExportCertificatePem());
        Loopback = Issue();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose();
    }

    public static TestAuthority Shared => Instance.Value;

    /// <summary>What a client has to trust.</summary>
    public string PemFile { get; }

    /// <summary>For 127.0.0.1 and localhost.</summary>
    public X509Certificate2 Loopback { get; }

    public void Dispose()
    {
        Loopback.Dispose();
        _root.Dispose();
        _folder.Dispose();
    }

    private X509Certificate2 Issue()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=loopback", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using X509Certificate2 certificate = request.Create(_root, _root.NotBefore, _root.NotAfter, RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = certificate.CopyWithPrivateKey(key);

        // The platform's TLS wants a key that is not bound to this handle.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }
}
