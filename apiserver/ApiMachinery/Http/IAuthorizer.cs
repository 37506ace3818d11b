namespace AiModels.ApiMachinery.Http;

/// <summary>Decides whether a user may do something (RBAC, SubjectAccessReview …).</summary>
public interface IAuthorizer
{
    ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken);
}

/// <summary>What is asked. For a path that is no resource <see cref="IsResource"/> is false and only verb and path count.</summary>
public sealed record AuthorizationAttributes
{
    public required UserInfo User { get; init; }
    public required string Verb { get; init; }
    public required bool IsResource { get; init; }
    public string Path { get; init; } = "";
    public string Group { get; init; } = "";
    public string Version { get; init; } = "";
    public string Resource { get; init; } = "";
    public string Subresource { get; init; } = "";
    public string Namespace { get; init; } = "";
    public string Name { get; init; } = "";

    /// <summary>Selectors of a list, a watch or a delete collection, as sent.</summary>
    public string FieldSelector { get; init; } = "";
    public string LabelSelector { get; init; } = "";
}

/// <summary>Yes, or no with a reason for the message.</summary>
public readonly record struct AuthorizationDecision(bool IsAllowed, string Reason = "")
{
    public static AuthorizationDecision Allow { get; } = new(true);

    public static AuthorizationDecision Deny(string reason = "") => new(false, reason);
}

/// <summary>Allows everybody everything: for tests on loopback.</summary>
public sealed class AllowAllAuthorizer : IAuthorizer
{
    public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
        new(AuthorizationDecision.Allow);
}

/// <summary>
/// The least that works without RBAC: system:masters may do everything (also asked first in front of any other authorizer), everybody with a name may
/// read discovery, nobody else anything.
/// </summary>
public sealed class MastersAuthorizer : IAuthorizer
{
    private static readonly string[] Discovery = ["/api", "/apis", "/openapi", "/version"];

    public ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
        new(attributes.User.IsInGroup(UserInfo.MastersGroup) || IsDiscovery(attributes) ? AuthorizationDecision.Allow : AuthorizationDecision.Deny());

    private static bool IsDiscovery(AuthorizationAttributes attributes) =>
        !attributes.IsResource && attributes.Verb == "get" && attributes.User.IsInGroup(UserInfo.AuthenticatedGroup)
        && Discovery.Any(prefix => attributes.Path == prefix || attributes.Path.StartsWith(prefix + "/", StringComparison.Ordinal));
}
