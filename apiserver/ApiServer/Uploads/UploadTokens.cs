using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Bearer tokens of upload sessions: the session's id and its HMAC-SHA256, with the model's place, under a key that the server made for itself. A token is
/// derived whenever it is asked for and stored nowhere; it is good for its session's model and nothing else. It names its session, so that one whose session
/// is over can be told from a forged one.
/// </summary>
internal sealed class UploadTokens(IObjectStore store)
{
    /// <summary>How every token begins: whoever sees one knows what it is, and what it is not.</summary>
    public const string Prefix = "aimu-";

    private const int KeyLength = 32;
    private static readonly ObjectKey KeyLocation = new(UploadJournal.Group, "keys", "", "upload-tokens");

    private byte[]? _key;

    /// <summary>The session's token.</summary>
    public ValueTask<string> OfAsync(UploadRecord record, CancellationToken cancellationToken) =>
        OfAsync(record.SessionId, record.Plural, record.Namespace, record.Name, cancellationToken);

    /// <summary>The session whose token for this model it is, over or not; null for anything else. Takes the same time whatever the difference.</summary>
    public async ValueTask<string?> SessionOfAsync(string token, string plural, string ns, string name, CancellationToken cancellationToken)
    {
        if (!token.StartsWith(Prefix, StringComparison.Ordinal) || token.AsSpan(Prefix.Length).IndexOf('-') is not (> 0 and var end))
        {
            return null;
        }

        string sessionId = token.Substring(Prefix.Length, end);
        string expected = await OfAsync(sessionId, plural, ns, name, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(token)) ? sessionId : null;
    }

    private async ValueTask<string> OfAsync(string sessionId, string plural, string ns, string name, CancellationToken cancellationToken)
    {
        byte[] key = _key ??= await LoadKeyAsync(cancellationToken);
        byte[] claim = Encoding.UTF8.GetBytes($"{sessionId}/{plural}/{ns}/{name}");
        return $"{Prefix}{sessionId}-{Base64Url.EncodeToString(HMACSHA256.HashData(key, claim))}";
    }

    // Whoever starts first makes it; replicas read it.
    private async ValueTask<byte[]> LoadKeyAsync(CancellationToken cancellationToken)
    {
        WriteResult result = await store.CreateAsync(KeyLocation, RandomNumberGenerator.GetBytes(KeyLength), cancellationToken);
        return result.Object!.Value.ToArray();
    }
}
