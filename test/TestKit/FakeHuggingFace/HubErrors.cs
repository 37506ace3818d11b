using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit.FakeHuggingFace;

/// <summary>How the hub says no: JSON on /api, plain text elsewhere, and two headers.</summary>
internal static class HubErrors
{
    public static Task Fail(HttpContext http, int status, string? code, string message, bool api)
    {
        http.Response.StatusCode = status;
        if (code is not null)
        {
            http.Response.Headers["X-Error-Code"] = code;
        }

        http.Response.Headers["X-Error-Message"] = message;
        http.Response.ContentType = api ? "application/json; charset=utf-8" : "text/plain; charset=utf-8";
        return http.Response.WriteAsync(api ? new JsonObject { ["error"] = message }.ToJsonString() : message);
    }

    /// <summary>Missing, private, or a token that is none: the hub does not tell which.</summary>
    public static Task Unauthorized(HttpContext http, bool api)
    {
        http.Response.Headers.WWWAuthenticate = "Bearer realm=\"Authentication required\", charset=\"UTF-8\"";
        return Fail(http, StatusCodes.Status401Unauthorized, null, "Invalid username or password.", api);
    }

    public static Task RateLimited(HttpContext http) => Fail(http, StatusCodes.Status429TooManyRequests, null, "We had to rate limit you.", api: false);
}
