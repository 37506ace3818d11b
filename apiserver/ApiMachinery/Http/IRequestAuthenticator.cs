using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>
/// One way to tell who makes a request. Asked in order of registration; the first with a user wins. A failure does not stop the ones after it, but
/// without a later success the request is refused, not made anonymous (contract A6).
/// </summary>
public interface IRequestAuthenticator
{
    ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken);
}

/// <summary>What an authenticator found: a user, a failure, or nothing it could judge.</summary>
public readonly record struct AuthenticationResult(UserInfo? User, string? Failure)
{
    /// <summary>No credential of this kind.</summary>
    public static AuthenticationResult NoOpinion => default;

    public static AuthenticationResult Success(UserInfo user) => new(user, null);

    /// <summary>A credential of this kind that is not good, and why (for the log; clients get Unauthorized).</summary>
    public static AuthenticationResult Fail(string why) => new(null, why);
}
