using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AiModels.ApiMachinery.Http;

/// <summary>Names of the headers in which the front proxy (kube-apiserver's aggregator) says who the user is, and whom to believe (contract A1, A7).</summary>
public sealed record FrontProxyOptions
{
    /// <summary>Common names of the proxy's certificate; empty: any that verifies.</summary>
    public IReadOnlyList<string> AllowedNames { get; init; } = [];
    public IReadOnlyList<string> UsernameHeaders { get; init; } = ["X-Remote-User"];
    public IReadOnlyList<string> UidHeaders { get; init; } = ["X-Remote-Uid"];
    public IReadOnlyList<string> GroupHeaders { get; init; } = ["X-Remote-Group"];
    public IReadOnlyList<string> ExtraHeaderPrefixes { get; init; } = ["X-Remote-Extra-"];
}

/// <summary>
/// Users named in headers by a proxy whose client certificate verifies against the front proxy's own authority (contract A7-A11). Without such a
/// certificate the headers mean nothing; in either case nothing behind sees them.
/// </summary>
public sealed class FrontProxyAuthenticator(CertificateVerifier verifier, Func<FrontProxyOptions> options) : IRequestAuthenticator
{
    private static readonly string[] StandardHeaders = ["X-Remote-User", "X-Remote-Uid", "X-Remote-Group"];
    private const string StandardExtraPrefix = "X-Remote-Extra-";

    public ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        FrontProxyOptions names = options();
        IHeaderDictionary headers = context.Request.Headers;
        string user = FirstOf(headers, names.UsernameHeaders);
        AuthenticationResult result = user.Length == 0 || context.Connection.ClientCertificate is not { } certificate
            ? AuthenticationResult.NoOpinion
            : Judge(certificate, names) is { } refusal
                ? AuthenticationResult.Fail(refusal)
                : AuthenticationResult.Success(Read(headers, names, user));
        Remove(headers, names, result.User is not null);
        return new(result);
    }

    private string? Judge(System.Security.Cryptography.X509Certificates.X509Certificate2 certificate, FrontProxyOptions names)
    {
        if (verifier.Refusal(certificate) is { } refusal)
        {
            return refusal;
        }

        string name = certificate.GetNameInfo(System.Security.Cryptography.X509Certificates.X509NameType.SimpleName, forIssuer: false);
        return names.AllowedNames.Count == 0 || names.AllowedNames.Contains(name, StringComparer.Ordinal)
            ? null
            : $"x509: subject with cn={name} is not in the allowed list";
    }

    private static UserInfo Read(IHeaderDictionary headers, FrontProxyOptions names, string user) => new()
    {
        Name = user,
        Uid = FirstOf(headers, names.UidHeaders),
        Groups = [.. names.GroupHeaders.SelectMany(name => headers[name]).OfType<string>()],
        Extra = Extra(headers, names),
    };

    private static Dictionary<string, IReadOnlyList<string>> Extra(IHeaderDictionary headers, FrontProxyOptions names)
    {
        Dictionary<string, IReadOnlyList<string>> extra = [];
        foreach ((string name, StringValues values) in headers)
        {
            foreach (string prefix in names.ExtraHeaderPrefixes)
            {
                if (name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                {
                    string key = Unescape(name[prefix.Length..].ToLowerInvariant());
                    extra[key] = [.. extra.GetValueOrDefault(key, []), .. values.OfType<string>()];
                    break;
                }
            }
        }

        return extra;
    }

    // A key with one escape that is none was not escaped at all.
    private static string Unescape(string key)
    {
        for (int i = key.IndexOf('%'); i >= 0; i = key.IndexOf('%', i + 1))
        {
            if (i + 2 >= key.Length || !char.IsAsciiHexDigit(key[i + 1]) || !char.IsAsciiHexDigit(key[i + 2]))
            {
                return key;
            }
        }

        return Uri.UnescapeDataString(key);
    }

    private static void Remove(IHeaderDictionary headers, FrontProxyOptions names, bool wasUsed)
    {
        foreach (string name in names.UsernameHeaders.Concat(names.UidHeaders).Concat(names.GroupHeaders).Concat(StandardHeaders))
        {
            headers.Remove(name);
        }

        string[] prefixes = [.. names.ExtraHeaderPrefixes, StandardExtraPrefix];
        foreach (string name in headers.Keys.Where(key => prefixes.Any(prefix => key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))).ToArray())
        {
            headers.Remove(name);
        }

        if (wasUsed)
        {
            headers.Remove("Authorization");
        }
    }

    private static string FirstOf(IHeaderDictionary headers, IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (headers[name].FirstOrDefault() is { Length: > 0 } value)
            {
                return value;
            }
        }

        return "";
    }
}
