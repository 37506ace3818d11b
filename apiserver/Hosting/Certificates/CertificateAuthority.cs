using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiModels.Hosting.Certificates;

/// <summary>What a certificate is to say.</summary>
/// <param name="CommonName">Subject CN: for a client, the user's name.</param>
public sealed record CertificateRequestOptions(string CommonName)
{
    /// <summary>Subject O: for a client, the user's groups.</summary>
    public IReadOnlyList<string> Organizations { get; init; } = [];

    /// <summary>DNS names and IP addresses of a server.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];
    public bool ForServer { get; init; }
    public bool ForClient { get; init; }

    /// <summary>Default: ten years, as the development CA that signs it.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(3650);
}

/// <summary>A small certificate authority (ECDSA P-256): of a machine in development and tests, of an installation in a cluster.</summary>
public sealed class CertificateAuthority : IDisposable
{
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, TimeProvider time) => (Certificate, _time) = (certificate, time);

    public X509Certificate2 Certificate { get; }

    /// <summary>The CA's certificate as PEM: what clients trust.</summary>
    public string CertificatePem => Certificate.ExportCertificatePem();

    /// <summary>A new CA in memory.</summary>
    public static CertificateAuthority Create(string commonName, TimeProvider time)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject(commonName, []), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign | X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        DateTimeOffset now = time.GetUtcNow();
        return new CertificateAuthority(request.CreateSelfSigned(now.AddHours(-1), now.AddDays(3651)), time);
    }

    /// <summary>The CA whose certificate, with its private key, this is. Takes it over.</summary>
    public static CertificateAuthority From(X509Certificate2 certificate, TimeProvider time) => new(certificate, time);

    /// <summary>The CA in DIR/NAME.crt and NAME.key; made if missing.</summary>
    public static CertificateAuthority LoadOrCreate(string directory, string name, TimeProvider time)
    {
        (string certificateFile, string keyFile) = Files(directory, name);
        if (File.Exists(certificateFile) && File.Exists(keyFile)) return new CertificateAuthority(X509Certificate2.CreateFromPemFile(certificateFile, keyFile), time);
        CertificateAuthority authority = Create(name, time);
        Write(authority.Certificate, certificateFile, keyFile);
        return authority;
    }

    /// <summary>A certificate signed by this CA, with its private key.</summary>
    public X509Certificate2 Issue(CertificateRequestOptions options)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject(options.CommonName, options.Organizations), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, true, false));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(Usages(options), false));
        if (options.Hosts.Count > 0) request.CertificateExtensions.Add(AlternativeNames(options.Hosts));
        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset end = now + options.Lifetime;
        byte[] serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f; // a serial number is positive
        using X509Certificate2 certificate = request.Create(Certificate, now.AddHours(-1), end < Certificate.NotAfter ? end : Certificate.NotAfter, serial);
        using X509Certificate2 withKey = certificate.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    /// <summary>The certificate in DIR/NAME.crt and NAME.key, issued if missing or signed by another CA. Returns the two paths.</summary>
    public (string CertificateFile, string KeyFile) LoadOrIssue(string directory, string name, CertificateRequestOptions options)
    {
        (string certificateFile, string keyFile) = Files(directory, name);
        if (File.Exists(certificateFile) && File.Exists(keyFile) && IsMine(certificateFile)) return (certificateFile, keyFile);
        using X509Certificate2 certificate = Issue(options);
        Write(certificate, certificateFile, keyFile);
        return (certificateFile, keyFile);
    }

    public void Dispose() => Certificate.Dispose();

    private bool IsMine(string certificateFile)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(certificateFile);
        return HasIssued(certificate);
    }

    /// <summary>Whether a certificate was signed by this CA.</summary>
    public bool HasIssued(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(Certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    private static OidCollection Usages(CertificateRequestOptions options)
    {
        var usages = new OidCollection();
        if (options.ForServer) usages.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (options.ForClient) usages.Add(new Oid("1.3.6.1.5.5.7.3.2"));
        return usages;
    }

    private static X509Extension AlternativeNames(IReadOnlyList<string> hosts)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (string host in hosts)
        {
            if (IPAddress.TryParse(host, out IPAddress? address)) names.AddIpAddress(address);
            else names.AddDnsName(host);
        }

        return names.Build();
    }

    private static X500DistinguishedName Subject(string commonName, IReadOnlyList<string> organizations)
    {
        var subject = new X500DistinguishedNameBuilder();
        foreach (string organization in organizations) subject.AddOrganizationName(organization);
        subject.AddCommonName(commonName);
        return subject.Build();
    }

    private static (string CertificateFile, string KeyFile) Files(string directory, string name) =>
        (Path.Combine(directory, name + ".crt"), Path.Combine(directory, name + ".key"));

    private static void Write(X509Certificate2 certificate, string certificateFile, string keyFile)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(certificateFile)!);
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var writer = new StreamWriter(keyFile, options)) writer.Write(key.ExportPkcs8PrivateKeyPem() + "\n");
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
    }
}
