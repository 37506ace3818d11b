using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Access;

/// <summary>Authorities in a PEM file that is read again when it changes, as mounted ConfigMaps do. What cannot be read is passed over: the last good ones stay.</summary>
internal sealed class AuthorityFile
{
    // A mounted volume follows its ConfigMap within a minute; a look every ten seconds is one stat call.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);
    private readonly string _file;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private X509Certificate2Collection _certificates;
    private DateTime _written;
    private long _checked;

    /// <exception cref="BadOptionException">The file cannot be read, or holds no certificate.</exception>
    public AuthorityFile(string option, string file, TimeProvider time)
    {
        (_file, _time, _checked) = (file, time, time.GetTimestamp());
        try
        {
            _written = File.GetLastWriteTimeUtc(file);
            _certificates = Read();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new BadOptionException($"{option}: {cause.Message}");
        }

        if (_certificates.Count == 0)
        {
            throw new BadOptionException($"{option}: '{file}' holds no PEM certificate");
        }
    }

    /// <summary>The authorities now; another object after each change.</summary>
    public X509Certificate2Collection Current
    {
        get
        {
            lock (_lock)
            {
                if (_time.GetElapsedTime(_checked) >= CheckInterval)
                {
                    _checked = _time.GetTimestamp();
                    Refresh();
                }

                return _certificates;
            }
        }
    }

    private void Refresh()
    {
        try
        {
            DateTime written = File.GetLastWriteTimeUtc(_file);
            if (written != _written && Read() is { Count: > 0 } certificates)
            {
                (_certificates, _written) = (certificates, written);
            }
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // Being replaced just now: the next look finds the whole file.
        }
    }

    private X509Certificate2Collection Read()
    {
        X509Certificate2Collection certificates = [];
        certificates.ImportFromPemFile(_file);
        return certificates;
    }
}
