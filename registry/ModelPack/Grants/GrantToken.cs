using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Grants;

/// <summary>Writes and reads the two JSON documents inside a token (RFC 7519).</summary>
public static class GrantToken
{
    internal const string Algorithm = "ES256";

    // A grant names one or two repositories; what is longer was not made here.
    internal const int MaxLength = 8 * 1024;

    /// <summary>The id that a token says it has, whether it is good or not; null when it is no token.</summary>
    public static string? ReadId(string token)
    {
        try
        {
            using JsonDocument document = JsonFields.ParseObject(Decode(token.Split('.') is [_, var claims, _] ? claims : "", "claims"), "claims", MaxLength);
            return JsonFields.OptionalString(document.RootElement, "claims", "jti", maxLength: 128);
        }
        catch (OciFormatException)
        {
            return null;
        }
    }

    internal static string EncodeHeader(string keyId) => Encode(json =>
    {
        json.WriteString("typ", "JWT");
        json.WriteString("alg", Algorithm);
        json.WriteString("kid", keyId);
    });

    internal static string EncodeClaims(Grant grant) => Encode(json =>
    {
        json.WriteString("iss", Grant.Issuer);
        json.WriteString("sub", grant.Subject);
        json.WriteString("aud", Grant.Audience);
        json.WriteNumber("exp", grant.ExpiresAt.ToUnixTimeSeconds());
        json.WriteNumber("nbf", grant.IssuedAt.ToUnixTimeSeconds());
        json.WriteNumber("iat", grant.IssuedAt.ToUnixTimeSeconds());
        json.WriteString("jti", grant.Id);
        json.WriteStartArray("access");
        foreach (GrantAccess access in grant.Access)
        {
            json.WriteStartObject();
            json.WriteString("type", "repository");
            json.WriteString("name", access.Repository);
            json.WriteStartArray("actions");
            foreach (string action in access.Actions)
            {
                json.WriteStringValue(action);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>The key a token says it was signed with. Throws <see cref="OciFormatException"/> for any algorithm but ours: the token does not choose.</summary>
    internal static string ReadKeyId(string header)
    {
        using JsonDocument document = JsonFields.ParseObject(Decode(header, "header"), "header", MaxLength);
        JsonElement root = document.RootElement;
        string algorithm = JsonFields.RequiredString(root, "header", "alg");
        if (algorithm != Algorithm)
        {
            throw new OciFormatException("header.alg", $"must be {Algorithm}, not '{algorithm}'");
        }

        if (JsonFields.Find(root, "crit") is not null)
        {
            throw new OciFormatException("header.crit", "names extensions that are not understood");
        }

        return JsonFields.RequiredString(root, "header", "kid", maxLength: 64);
    }

    /// <summary>The claims of a token whose signature is good.</summary>
    internal static Grant ReadClaims(string claims, out DateTimeOffset notBefore)
    {
        using JsonDocument document = JsonFields.ParseObject(Decode(claims, "claims"), "claims", MaxLength);
        JsonElement root = document.RootElement;
        Require(root, "iss", Grant.Issuer);
        Require(root, "aud", Grant.Audience);
        var grant = new Grant
        {
            Subject = JsonFields.RequiredString(root, "claims", "sub", maxLength: 1024),
            Access = ReadAccess(root),
            IssuedAt = ReadTime(root, "iat"),
            ExpiresAt = ReadTime(root, "exp"),
            Id = JsonFields.RequiredString(root, "claims", "jti", maxLength: 128),
        };
        notBefore = ReadTime(root, "nbf");
        return grant;
    }

    private static void Require(JsonElement root, string claim, string value)
    {
        string found = JsonFields.RequiredString(root, "claims", claim);
        if (found != value)
        {
            throw new OciFormatException("claims." + claim, $"must be {value}, not '{found}'");
        }
    }

    private static DateTimeOffset ReadTime(JsonElement root, string claim)
    {
        long seconds = JsonFields.RequiredLong(root, "claims", claim);

        // 9999-12-31: what DateTimeOffset can hold.
        return seconds <= 253_402_300_799 ? DateTimeOffset.FromUnixTimeSeconds(seconds) : throw new OciFormatException("claims." + claim, "is no time");
    }

    private static List<GrantAccess> ReadAccess(JsonElement root)
    {
        JsonElement list = JsonFields.OptionalArray(root, "claims", "access", maxItems: 64) ?? throw new OciFormatException("claims.access", "is required");
        var access = new List<GrantAccess>();
        foreach (JsonElement item in list.EnumerateArray())
        {
            string path = $"claims.access[{access.Count}]";
            string type = JsonFields.RequiredString(item.ValueKind == JsonValueKind.Object ? item : throw new OciFormatException(path, "must be an object"), path, "type");
            if (type != "repository")
            {
                throw new OciFormatException(path + ".type", $"must be repository, not '{type}'");
            }

            access.Add(new GrantAccess(JsonFields.RequiredString(item, path, "name"), JsonFields.OptionalStrings(item, path, "actions") ?? []));
        }

        return access;
    }

    private static string Encode(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Manifest.Canonical))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return Base64Url.EncodeToString(buffer.WrittenSpan);
    }

    private static byte[] Decode(string part, string name)
    {
        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException e)
        {
            throw new OciFormatException(name, "is not base64url", e);
        }
    }
}
