using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;

namespace AiModels.LocalCluster.Host.Access;

/// <summary>Tokens of service accounts: JWTs that this host alone signs (HS256) and checks. They end with their account.</summary>
internal sealed class ServiceAccountTokens(byte[] key, TimeProvider time)
{
    private const string Header = """{"alg":"HS256","typ":"JWT"}""";
    public const string Issuer = "https://kubernetes.default.svc";

    /// <summary>The signing key in a file, made if missing.</summary>
    public static ServiceAccountTokens LoadOrCreate(string directory, TimeProvider time)
    {
        string file = Path.Combine(directory, "service-account.key");
        if (!File.Exists(file))
        {
            using FileStream stream = new(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            stream.Write(RandomNumberGenerator.GetBytes(32));
        }

        return new ServiceAccountTokens(File.ReadAllBytes(file), time);
    }

    public (string Token, DateTimeOffset Expires) Issue(string ns, string name, string uid, IEnumerable<string> audiences, TimeSpan life)
    {
        DateTimeOffset now = time.GetUtcNow();
        var claims = new JsonObject
        {
            ["iss"] = Issuer,
            ["sub"] = $"system:serviceaccount:{ns}:{name}",
            ["aud"] = new JsonArray([.. audiences.DefaultIfEmpty(Issuer).Select(a => JsonValue.Create(a))]),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + life).ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = new JsonObject { ["namespace"] = ns, ["serviceaccount"] = new JsonObject { ["name"] = name, ["uid"] = uid } },
        };
        string payload = Encode(Encoding.UTF8.GetBytes(Header)) + "." + Encode(Encoding.UTF8.GetBytes(claims.ToJsonString()));
        return (payload + "." + Encode(Sign(payload)), now + life);
    }

    /// <summary>The claims of a token that is ours and has not expired, or null.</summary>
    public JsonObject? Check(string token)
    {
        int end = token.LastIndexOf('.');
        string[] parts = token.Split('.');
        if (parts.Length != 3 || !Base64Url.IsValid(parts[1]) || !Base64Url.IsValid(parts[2])) return null;
        if (!CryptographicOperations.FixedTimeEquals(Sign(token[..end]), Base64Url.DecodeFromChars(parts[2]))) return null;
        JsonObject claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!.AsObject();
        return (long)claims["exp"]! > time.GetUtcNow().ToUnixTimeSeconds() ? claims : null;
    }

    private byte[] Sign(string payload) => HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(payload));

    private static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
}

/// <summary>Lets service accounts in, as long as they exist.</summary>
internal sealed class ServiceAccountAuthenticator(ServiceAccountTokens tokens, IServiceProvider services) : IRequestAuthenticator
{
    public async ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken) =>
        BearerToken.Of(context) is { } token ? (await ReviewAsync(token, [], cancellationToken)).Result : AuthenticationResult.NoOpinion;

    /// <summary>Whose token it is, and which of the audiences that are asked about it is for. Who asks about none means this host; a token for none of them lets nobody in.</summary>
    public async ValueTask<(AuthenticationResult Result, string[] Audiences)> ReviewAsync(string token, IReadOnlyCollection<string> wanted, CancellationToken cancellationToken)
    {
        if (tokens.Check(token) is not { } claims) return (AuthenticationResult.NoOpinion, []);
        string[] target = [.. wanted.DefaultIfEmpty(ServiceAccountTokens.Issuer)], meant = [.. claims["aud"]!.AsArray().Select(a => (string)a!)];
        string[] audiences = [.. target.Intersect(meant)];
        return audiences.Length > 0
            ? (await AccountAsync(claims["kubernetes.io"]!, cancellationToken), audiences)
            : (AuthenticationResult.Fail($"token audiences [{string.Join(' ', meant)}] is invalid for the target audiences [{string.Join(' ', target)}]"), []);
    }

    private async ValueTask<AuthenticationResult> AccountAsync(JsonNode claims, CancellationToken cancellationToken)
    {
        string ns = (string)claims["namespace"]!, name = (string)claims["serviceaccount"]!["name"]!, uid = (string)claims["serviceaccount"]!["uid"]!;
        ResourceObject? account = await services.GetRequiredService<ResourceRegistry>().StoreOf("", "serviceaccounts").FindAsync(ns, name, cancellationToken);
        if (account?.ToJson().Uid() != uid) return AuthenticationResult.Fail($"service account {ns}/{name} is gone");
        return AuthenticationResult.Success(new UserInfo
        {
            Name = $"system:serviceaccount:{ns}:{name}",
            Uid = uid,
            Groups = ["system:serviceaccounts", $"system:serviceaccounts:{ns}"],
        });
    }
}
