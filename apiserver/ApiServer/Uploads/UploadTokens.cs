using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Bearer tokens of upload sessions: HMAC-SHA256 of the session's id under a key that the server made for itself. A token is derived whenever
/// it is asked for and stored nowhere; it is good for its session's model and nothing else.
/// </summary>
internal sealed class UploadTokens(IObjectStore store)
{
    /// <summary>How every token begins: whoever sees one knows what it is, and what it is not.</summary>
    public const string Prefix = "aimu-";

    private const int KeyLength = 32;
    private static readonly ObjectKey KeyLocation = new(UploadJournal.Group, "keys", "", "upload-tokens");

    private byte[]? _key;

    /// <summary>The session's token.</summary>
    public async ValueTask<string> OfAsync(string sessionId, CancellationToken cancellationToken)
    {
        byte[] key = _key ??= await LoadKeyAsync(cancellationToken);
        return Prefix + Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(sessionId)));
    }

    /// <summary>Whether this is the session's token. Takes the same time whatever the difference.</summary>
    public async ValueTask<bool> IsOfAsync(string sessionId, string token, CancellationToken cancellationToken) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(await OfAsync(sessionId, cancellationToken)), Encoding.UTF8.GetBytes(token));

    // Whoever starts first makes it; replicas read it.
    private async ValueTask<byte[]> LoadKeyAsync(CancellationToken cancellationToken)
    {
        WriteResult result = await store.CreateAsync(KeyLocation, RandomNumberGenerator.GetBytes(KeyLength), cancellationToken);
        return result.Object!.Value.ToArray();
    }
}
