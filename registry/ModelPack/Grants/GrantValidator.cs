using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Grants;

/// <summary>
/// Checks tokens: algorithm, key, signature, issuer, audience, times. What a good grant allows, <see cref="Grant.Allows"/> says.
/// Thread-safe; tokens that were good are remembered until they end, so that a transfer of many chunks is verified once.
/// </summary>
public sealed class GrantValidator(GrantKeySet keys, TimeProvider time)
{
    /// <summary>How far apart clocks may be. 60 s: what NTP-less machines are seen to drift.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    // Tokens live for an hour; a cluster has some hundred nodes and jobs.
    private const int MaxRemembered = 4096;

    private readonly ConcurrentDictionary<string, (Grant Grant, int KeyGeneration)> _remembered = new(StringComparer.Ordinal);

    /// <summary>The grant inside the token, or what is wrong with it in words that may be shown to its bearer.</summary>
    public bool TryValidate(string token, [NotNullWhen(true)] out Grant? grant, [NotNullWhen(false)] out string? problem)
    {
        grant = null;
        if (token.Length > GrantToken.MaxLength)
        {
            problem = $"the token is longer than {GrantToken.MaxLength} characters";
            return false;
        }

        try
        {
            grant = Remembered(token) ?? Verify(token);
            problem = TimeProblem(grant);
        }
        catch (OciFormatException e)
        {
            problem = e.Message;
        }

        grant = problem is null ? grant : null;
        return problem is null;
    }

    private Grant? Remembered(string token) =>
        _remembered.TryGetValue(token, out (Grant Grant, int KeyGeneration) known) && known.KeyGeneration == keys.Generation ? known.Grant : null;

    private Grant Verify(string token)
    {
        string[] parts = token.Split('.');
        if (parts.Length != 3)
        {
            throw new OciFormatException("token", "is not a signed token of three parts");
        }

        string keyId = GrantToken.ReadKeyId(parts[0]);
        if (!keys.TryVerify(keyId, Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]), DecodeSignature(parts[2])))
        {
            throw new OciFormatException("token", "its signature is not of a key of this registry");
        }

        Grant grant = GrantToken.ReadClaims(parts[1], out DateTimeOffset notBefore);
        if (notBefore - ClockSkew > time.GetUtcNow())
        {
            throw new OciFormatException("claims.nbf", $"the token is not valid before {notBefore:O}");
        }

        Remember(token, grant);
        return grant;
    }

    private void Remember(string token, Grant grant)
    {
        if (_remembered.Count >= MaxRemembered)
        {
            _remembered.Clear();
        }

        _remembered[token] = (grant, keys.Generation);
    }

    private string? TimeProblem(Grant grant) =>
        grant.ExpiresAt + ClockSkew <= time.GetUtcNow() ? $"claims.exp: the token ended at {grant.ExpiresAt:O}" : null;

    private static byte[] DecodeSignature(string part)
    {
        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException e)
        {
            throw new OciFormatException("signature", "is not base64url", e);
        }
    }
}
