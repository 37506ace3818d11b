using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AiModels.Hosting.Certificates;

/// <summary>
/// The certificate a server shows: PEM files (the certificate first, then its intermediates) that are read again when they change, as mounted Secrets do.
/// A pair that cannot be read is passed over: the last good one stays.
/// </summary>
public sealed class ServingCertificate : IDisposable
{
    // Secrets reach a Pod within a minute anyway; looking every ten seconds costs two stat calls.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);

    private readonly string? _certificateFile;
    private readonly string? _keyFile;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext _context;
    private DateTime _loaded;
    private long _checked;
    private (SslStreamCertificateContext Of, X509Certificate2Collection Acceptable, SslStreamCertificateContext Context)? _offering;

    /// <summary>Reads the files; throws when they are missing or do not belong together.</summary>
    public ServingCertificate(string certificateFile, string keyFile, TimeProvider time)
    {
        (_certificateFile, _keyFile, _time) = (certificateFile, keyFile, time);
        _loaded = LastWrite();
        _checked = time.GetTimestamp();
        _context = Load(certificateFile, keyFile);
    }

    private ServingCertificate(X509Certificate2 certificate, TimeProvider time)
    {
        _time = time;
        _context = SslStreamCertificateContext.Create(certificate, null, offline: true);
    }

    /// <summary>A certificate in memory, for instance a self-signed one.</summary>
    public static ServingCertificate Of(X509Certificate2 certificate, TimeProvider time) => new(certificate, time);

    /// <summary>The files when both are given, else a self-signed certificate for these hosts, kept for the life of the process.</summary>
    public static ServingCertificate FromFilesOrSelfSigned(string? certificateFile, string? keyFile, IReadOnlyList<string> hosts, TimeProvider time) =>
        certificateFile != null && keyFile != null
            ? new ServingCertificate(certificateFile, keyFile, time)
            : Of(CertificateAuthority.Create("self-signed", time).Issue(new CertificateRequestOptions(hosts.Count > 0 ? hosts[0] : "localhost") { Hosts = hosts, ForServer = true }), time);

    /// <summary>The certificate to show now.</summary>
    public X509Certificate2 Certificate => Context.TargetCertificate;

    /// <summary>The certificate with its chain.</summary>
    public SslStreamCertificateContext Context
    {
        get
        {
            lock (_lock)
            {
                if (_certificateFile != null && _time.GetElapsedTime(_checked) >= CheckInterval) Refresh();
                return _context;
            }
        }
    }

    /// <summary>
    /// The same, telling clients in the handshake whose certificates are accepted. Built anew when either changes.
    /// </summary>
    /// <param name="acceptable">Their authorities; empty for no such list.</param>
    public SslStreamCertificateContext Offering(X509Certificate2Collection acceptable)
    {
        SslStreamCertificateContext context = Context;
        if (acceptable.Count == 0) return context;
        lock (_lock)
        {
            if (_offering is { } known && ReferenceEquals(known.Of, context) && ReferenceEquals(known.Acceptable, acceptable)) return known.Context;
            SslStreamCertificateContext offering = SslStreamCertificateContext.Create(
                context.TargetCertificate, [.. context.IntermediateCertificates], offline: true,
                SslCertificateTrust.CreateForX509Collection(acceptable, sendTrustInHandshake: true));
            _offering = (context, acceptable, offering);
            return offering;
        }
    }

    public void Dispose() => _context.TargetCertificate.Dispose();

    private void Refresh()
    {
        _checked = _time.GetTimestamp();
        DateTime written = LastWrite();
        if (written == _loaded) return;
        try
        {
            _context = Load(_certificateFile!, _keyFile!);
            _loaded = written;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            // Certificate and key are two files: between their replacements they do not fit. The next look finds both.
        }
    }

    private DateTime LastWrite()
    {
        DateTime certificate = File.GetLastWriteTimeUtc(_certificateFile!), key = File.GetLastWriteTimeUtc(_keyFile!);
        return certificate > key ? certificate : key;
    }

    private static SslStreamCertificateContext Load(string certificateFile, string keyFile)
    {
        X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(certificateFile);
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }
}

/// <summary>Kestrel with a <see cref="ServingCertificate"/>.</summary>
public static class ServingCertificateExtensions
{
    /// <summary>
    /// TLS with the certificate of the moment. With <paramref name="requestClientCertificate"/> a client may show a certificate and any is let through the
    /// handshake: authenticators decide what it is worth.
    /// </summary>
    /// <param name="acceptable">Authorities of client certificates to name in the handshake; clients choose by them which of theirs to show.</param>
    public static ListenOptions UseServingCertificate(
        this ListenOptions listen, ServingCertificate certificate, bool requestClientCertificate = false, Func<X509Certificate2Collection>? acceptable = null) =>
        listen.UseHttps(https =>
        {
            https.ServerCertificateSelector = (_, _) => certificate.Certificate;
            https.OnAuthenticate = (_, tls) =>
            {
                // The context (built once, with its chain) instead of the bare certificate, which would be prepared anew for each handshake.
                tls.ServerCertificateSelectionCallback = null;
                tls.ServerCertificateContext = acceptable is null ? certificate.Context : certificate.Offering(acceptable());
            };
            if (!requestClientCertificate) return;
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        });
}
