using System.Diagnostics.CodeAnalysis;
using System.Text;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;

namespace AiModels.Registry.Grants;

/// <summary>
/// Finds the grant in a request, as a bearer token or as the password of Basic authentication (whose user name is ignored), and writes the challenge that
/// leads stock clients to <c>/token</c> (https://distribution.github.io/distribution/spec/auth/token/).
/// </summary>
internal sealed class GrantAuthentication(GrantValidator grants, Revocations revocations, RegistryOptions options)
{
    public const string TokenPath = "/token";
    public const string Service = Grant.Audience;

    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    /// <summary>The caller.</summary>
    /// <param name="repository">The repository that is asked for, or empty: part of the challenge.</param>
    /// <exception cref="RegistryException">UNAUTHORIZED, with the challenge.</exception>
    public Caller Authenticate(HttpContext http, string repository, string action)
    {
        string? token = TokenOf(http.Request);
        if (token is null)
        {
            return options.Anonymous ? Caller.Anonymous : throw Unauthorized(http, repository, action, null);
        }

        return TryRead(token, out Grant? grant, out string? problem) ? Caller.Holding(grant) : throw Unauthorized(http, repository, action, problem);
    }

    /// <summary>The grant in a token that is good and not revoked, or what is wrong with it.</summary>
    public bool TryRead(string token, [NotNullWhen(true)] out Grant? grant, [NotNullWhen(false)] out string? problem)
    {
        if (grants.TryValidate(token, out grant, out problem))
        {
            problem = revocations.ProblemOf(grant);
            grant = problem is null ? grant : null;
        }

        return grant is not null && problem is null;
    }

    /// <summary>A request for one repository by somebody whose grant allows the action there.</summary>
    /// <exception cref="RegistryException">UNAUTHORIZED, NAME_INVALID or DENIED.</exception>
    public RegistryRequest Authorize(HttpContext http, string repository, string action)
    {
        Caller caller = Authenticate(http, repository, action);
        if (!Reference.IsRepository(repository))
        {
            throw RegistryRequest.InvalidName(repository);
        }

        return caller.Allows(repository, action)
            ? new RegistryRequest(http, repository, "", caller)
            : throw new RegistryException(RegistryError.Denied, $"The grant of {caller.Subject} does not allow {action} on {repository}.");
    }

    /// <summary>A request of an operator.</summary>
    /// <exception cref="RegistryException">UNAUTHORIZED or DENIED.</exception>
    public RegistryRequest AuthorizeInspection(HttpContext http)
    {
        Caller caller = Authenticate(http, "", GrantActions.Inspect);
        return caller.Allows(GrantActions.Registry, GrantActions.Inspect)
            ? new RegistryRequest(http, "", "", caller)
            : throw new RegistryException(RegistryError.Denied, $"The grant of {caller.Subject} does not allow {GrantActions.Inspect} on {GrantActions.Registry}.");
    }

    /// <summary>The token of a request, or null.</summary>
    public static string? TokenOf(HttpRequest request)
    {
        string header = request.Headers.Authorization.ToString();
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return header[Bearer.Length..].Trim();
        }

        return header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? PasswordOf(header[Basic.Length..].Trim()) : null;
    }

    /// <summary>The 401 that asks for a grant.</summary>
    public static RegistryException Unauthorized(HttpContext http, string repository, string action, string? problem)
    {
        var challenge = new StringBuilder($"Bearer realm=\"{http.Request.Scheme}://{http.Request.Host}{TokenPath}\",service=\"{Service}\"");
        if (Reference.IsRepository(repository))
        {
            challenge.Append($",scope=\"repository:{repository}:{action}\"");
        }

        if (problem is not null)
        {
            challenge.Append(",error=\"invalid_token\"");
        }

        return new RegistryException(RegistryError.Unauthorized, problem) { Headers = [new("WWW-Authenticate", challenge.ToString())] };
    }

    private static string PasswordOf(string encoded)
    {
        try
        {
            string credentials = Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
            return credentials[(credentials.IndexOf(':', StringComparison.Ordinal) + 1)..];
        }
        catch (FormatException)
        {
            return ""; // No token: refused like any other that is none.
        }
    }
}
