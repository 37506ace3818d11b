using System.Globalization;
using AiModels.ModelPack.Grants;
using AiModels.Registry.Api;
using AiModels.Registry.Storage;
using Microsoft.AspNetCore.Http.Features;

namespace AiModels.Registry.Grants;

/// <summary>
/// <c>/token</c>: the place to which stock clients bring their credentials for a bearer token. A grant is one already, so a valid one is handed back.
/// GET with Basic credentials (https://distribution.github.io/distribution/spec/auth/token/), or POST with a form
/// (https://distribution.github.io/distribution/spec/auth/oauth/).
/// </summary>
internal sealed class TokenEndpoint(GrantAuthentication authentication, RegistryOptions options, TimeProvider clock)
{
    // A form holds a grant and a few words.
    private const int MaxForm = 64 * 1024;

    public async Task HandleAsync(HttpContext http)
    {
        string? token = HttpMethods.IsPost(http.Request.Method) ? await TokenOfFormAsync(http) : GrantAuthentication.TokenOf(http.Request);
        Caller caller;
        if (token is not null)
        {
            caller = authentication.TryRead(token, out Grant? grant, out string? problem) ? Caller.Holding(grant) : throw Unauthorized(problem);
        }
        else
        {
            // A client that insists on a token gets one that nobody looks at.
            caller = options.Anonymous ? Caller.Anonymous : throw Unauthorized("No credentials: the password is the grant.");
        }

        DateTimeOffset now = clock.GetUtcNow();
        var answer = new TokenAnswer
        {
            Token = token ?? "",
            AccessToken = token ?? "",
            ExpiresIn = (int)Math.Clamp((caller.Expires - now).TotalSeconds, 1, int.MaxValue),
            IssuedAt = now.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        };
        http.Response.Headers.CacheControl = "no-store";
        await new RegistryRequest(http, "", "", caller).WriteJsonAsync(answer, RegistryJson.Default.TokenAnswer);
    }

    // Basic, not Bearer: this is where the bearer challenge leads to.
    private static RegistryException Unauthorized(string problem) =>
        new(RegistryError.Unauthorized, problem) { Headers = [new("WWW-Authenticate", $"Basic realm=\"{GrantAuthentication.Service}\"")] };

    private static async Task<string?> TokenOfFormAsync(HttpContext http)
    {
        if (!http.Request.HasFormContentType || http.Request.ContentLength > MaxForm)
        {
            return GrantAuthentication.TokenOf(http.Request);
        }

        IFormCollection form = await http.Request.ReadFormAsync(new FormOptions { BufferBodyLengthLimit = MaxForm }, http.RequestAborted);
        string field = form["grant_type"] == "refresh_token" ? "refresh_token" : "password";
        return form.TryGetValue(field, out Microsoft.Extensions.Primitives.StringValues value) ? value.ToString() : GrantAuthentication.TokenOf(http.Request);
    }
}

/// <summary>A token as both protocols want it.</summary>
internal sealed record TokenAnswer
{
    public required string Token { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("access_token")]
    public required string AccessToken { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("expires_in")]
    public required int ExpiresIn { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("issued_at")]
    public required string IssuedAt { get; init; }
}
