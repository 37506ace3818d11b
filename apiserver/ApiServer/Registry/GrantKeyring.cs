using System.Security.Cryptography;
using System.Text;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Storage;
using AiModels.ApiServer.Uploads;
using AiModels.ModelPack.Grants;

namespace AiModels.ApiServer.Registry;

/// <summary>
/// The key that grants are signed with: the file that was named; else, for replicas on one store, a key in that store, which the first one makes; else a
/// file in the data folder. Its public half is published where the registry reads it.
/// </summary>
internal sealed class GrantKeyring(ApiServerOptions options, IObjectStore store, TimeProvider time) : IDisposable
{
    private static readonly ObjectKey Location = new(UploadJournal.Group, "keys", "", "grant-signing");
    private readonly SemaphoreSlim _opening = new(1);
    private volatile GrantSigner? _signer;

    /// <summary>The signer. Throws <see cref="StoreUnavailableException"/> when the key is in a store that cannot be reached and was not read before.</summary>
    public ValueTask<GrantSigner> SignerAsync(CancellationToken cancellationToken) =>
        _signer is { } signer ? new ValueTask<GrantSigner>(signer) : new ValueTask<GrantSigner>(OpenAsync(cancellationToken));

    public void Dispose()
    {
        _signer?.Dispose();
        _opening.Dispose();
    }

    private async Task<GrantSigner> OpenAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken);
        try
        {
            return _signer ??= Published(options.GrantKey is null && StorageEngines.IsShared(options.Storage)
                ? GrantSigner.Open(WriteDown(await SharedKeyAsync(cancellationToken)), time)
                : GrantSigner.Open(options.GrantKey ?? Path.Combine(options.DataDir, "grant.key"), time));
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<string> SharedKeyAsync(CancellationToken cancellationToken)
    {
        StoredObject? found = await store.GetAsync(Location, cancellationToken);
        found ??= (await store.CreateAsync(Location, Encoding.ASCII.GetBytes(NewKey()), cancellationToken)).Object!;
        return Encoding.ASCII.GetString(found.Value.Span);
    }

    // The signer reads files: a copy in the data folder, never readable by others, that the next start replaces.
    private string WriteDown(string pem)
    {
        string file = Path.Combine(options.DataDir, "grant-shared.key"), temporary = file + ".tmp";
        Directory.CreateDirectory(options.DataDir);
        File.Delete(temporary);
        var mode = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var writer = new StreamWriter(temporary, mode))
        {
            writer.Write(pem);
        }

        File.Move(temporary, file, overwrite: true);
        return file;
    }

    private static string NewKey()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    private GrantSigner Published(GrantSigner signer)
    {
        if (options.GrantKeys is { } folder)
        {
            signer.PublishKey(folder);
        }

        return signer;
    }
}
