using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Users by bearer token, from upstream's token file: lines of <c>token,user,uid[,"group1,group2"]</c>. Unknown tokens are left to others.</summary>
public sealed class StaticTokenAuthenticator : IRequestAuthenticator
{
    // Looked up by hash, so that the time of a lookup tells nothing about the tokens.
    private readonly Dictionary<string, UserInfo> _users = new(StringComparer.Ordinal);

    private StaticTokenAuthenticator()
    {
    }

    /// <summary>Reads a token file.</summary>
    /// <exception cref="FormatException">A line is not of that form; the message says which.</exception>
    public static StaticTokenAuthenticator Load(string path)
    {
        var authenticator = new StaticTokenAuthenticator();
        string[] lines = File.ReadAllLines(path);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            string[] fields = line.Split(',', 4, StringSplitOptions.TrimEntries);
            if (fields.Length < 3 || fields[0].Length == 0 || fields[1].Length == 0)
            {
                throw new FormatException($"{path}:{i + 1}: a line is token,user,uid and optionally \"group1,group2\"");
            }

            string[] groups = fields.Length == 4 ? fields[3].Trim('"').Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : [];
            authenticator._users[Hash(fields[0])] = new UserInfo { Name = fields[1], Uid = fields[2], Groups = groups };
        }

        return authenticator;
    }

    /// <summary>Users by token, for servers that make their tokens themselves.</summary>
    public static StaticTokenAuthenticator Of(IReadOnlyDictionary<string, UserInfo> users)
    {
        var authenticator = new StaticTokenAuthenticator();
        foreach ((string token, UserInfo user) in users)
        {
            authenticator._users[Hash(token)] = user;
        }

        return authenticator;
    }

    public ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken) =>
        new(BearerToken.Of(context) is { } token && _users.TryGetValue(Hash(token), out UserInfo? user)
            ? AuthenticationResult.Success(user)
            : AuthenticationResult.NoOpinion);

    private static string Hash(string token) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
