using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>The bearer token of a request: Authorization header, or the WebSocket subprotocol that browsers must use instead.</summary>
public static class BearerToken
{
    private const string Scheme = "Bearer ";
    private const string Subprotocol = "base64url.bearer.authorization.k8s.io.";

    /// <summary>The token, or null.</summary>
    public static string? Of(HttpContext context)
    {
        string header = context.Request.Headers.Authorization.ToString();
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            string token = header[Scheme.Length..].Trim();
            return token.Length > 0 ? token : null;
        }

        foreach (string offered in context.Request.Headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.TrimEntries))
        {
            if (offered.StartsWith(Subprotocol, StringComparison.Ordinal) && Base64Url.IsValid(offered.AsSpan(Subprotocol.Length)))
            {
                return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(offered.AsSpan(Subprotocol.Length)));
            }
        }

        return null;
    }
}
