using System.Buffers;
using System.Security.Cryptography;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// The tus extension "checksum": a PATCH may say what its body hashes to, and is taken as a whole or not at all. The body is therefore held in memory
/// until it has been found right, which bounds its length.
/// </summary>
internal sealed record UploadChecksum(HashAlgorithmName Algorithm, byte[] Expected)
{
    /// <summary>16 MiB: two or three times what browsers' tus clients send at once.</summary>
    public const int LongestBody = 16 * 1024 * 1024;

    private static readonly Dictionary<string, (HashAlgorithmName Name, int Length)> Known = new(StringComparer.Ordinal)
    {
        ["sha1"] = (HashAlgorithmName.SHA1, 20), // every tus server must have it; it guards against accidents here, not against attackers
        ["sha256"] = (HashAlgorithmName.SHA256, 32),
    };

    /// <summary>Names for Tus-Checksum-Algorithm.</summary>
    public static IEnumerable<string> Algorithms => Known.Keys;

    /// <summary>The Upload-Checksum of a request, <c>ALGORITHM BASE64</c>; null without one.</summary>
    public static UploadChecksum? Of(HttpRequest request)
    {
        if ((string?)request.Headers["Upload-Checksum"] is not { } text)
        {
            return null;
        }

        if (text.Split(' ') is not [var algorithm, var value] || !Known.TryGetValue(algorithm, out var known))
        {
            throw UploadErrors.Bad($"Upload-Checksum is '{text}': want an algorithm ({string.Join(" or ", Algorithms)}), a space, and the checksum in base64");
        }

        byte[] expected = new byte[known.Length];
        return Convert.TryFromBase64String(value, expected, out int length) && length == known.Length
            ? new UploadChecksum(known.Name, expected)
            : throw UploadErrors.Bad($"Upload-Checksum is '{text}': {algorithm} has {known.Length} bytes, in base64");
    }

    /// <summary>The body, once it is whole and right. 460 otherwise, and then nothing of it counts.</summary>
    /// <param name="patience">How long the client may be silent.</param>
    public async Task<Stream> ReadAsync(Stream body, TimeSpan patience, CancellationToken cancellationToken)
    {
        var whole = new MemoryStream();
        byte[] block = ArrayPool<byte>.Shared.Rent(64 * 1024);
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            idle.CancelAfter(patience);
            while (await body.ReadAsync(block, idle.Token) is > 0 and var count)
            {
                if (whole.Length + count > LongestBody)
                {
                    throw UploadErrors.TooLong($"a PATCH with Upload-Checksum may have {LongestBody} bytes: send smaller pieces, or leave the header out");
                }

                whole.Write(block, 0, count);
                idle.CancelAfter(patience);
            }
        }
        catch (Exception broken) when (broken is IOException || (idle.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
        {
            throw UploadErrors.Bad($"the body broke off after {whole.Length} bytes; of a piece with Upload-Checksum nothing is kept then: send it again");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }

        byte[] actual = CryptographicOperations.HashData(Algorithm, whole.GetBuffer().AsSpan(0, (int)whole.Length));
        whole.Position = 0;
        return CryptographicOperations.FixedTimeEquals(actual, Expected) ? whole : throw UploadErrors.ChecksumMismatch();
    }
}
