using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Uploads;

namespace AiModels.ApiServer.Replicas;

/// <summary>The bearer token that replicas know each other by: random, in the store they share, made by whoever starts first.</summary>
internal sealed class PeerSecret(IObjectStore store)
{
    private const int Length = 32;
    private static readonly ObjectKey Location = new(UploadJournal.Group, "keys", "", "replicas");
    private volatile string? _token;

    public async ValueTask<string> TokenAsync(CancellationToken cancellationToken) => _token ??= await LoadAsync(cancellationToken);

    /// <summary>Whether this is the token. Takes the same time whatever the difference.</summary>
    public async ValueTask<bool> IsTokenAsync(string token, CancellationToken cancellationToken) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(await TokenAsync(cancellationToken)), Encoding.UTF8.GetBytes(token));

    private async Task<string> LoadAsync(CancellationToken cancellationToken)
    {
        StoredObject? found = await store.GetAsync(Location, cancellationToken);
        found ??= (await store.CreateAsync(Location, RandomNumberGenerator.GetBytes(Length), cancellationToken)).Object!;
        return Base64Url.EncodeToString(found.Value.Span);
    }
}
