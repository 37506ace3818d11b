using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>The authenticated user of a request.</summary>
/// <param name="User">Who.</param>
/// <param name="IsAuthorized">The credential itself says what it is good for, so the authorizer is not asked (a subresource's own token).</param>
public sealed record UserFeature(UserInfo User, bool IsAuthorized = false)
{
    /// <summary>Who makes the request; anonymous before authentication has run.</summary>
    public static UserInfo Of(HttpContext context) => context.Features.Get<UserFeature>()?.User ?? UserInfo.Anonymous;
}
