namespace AiModels.ModelPack.Grants;

/// <summary>
/// What a token says: who may do what in which repository until when. The shape is that of Docker's registry tokens
/// (https://distribution.github.io/distribution/spec/auth/jwt/), so that stock clients carry it.
/// </summary>
public sealed record Grant
{
    public const string Issuer = "ai-models";
    public const string Audience = "ai-models-registry";

    /// <summary>Who uses it, for byte accounting: job/NAMESPACE/NAME, node/NAME, or a user's name.</summary>
    public required string Subject { get; init; }

    public required IReadOnlyList<GrantAccess> Access { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Unique per token.</summary>
    public required string Id { get; init; }

    /// <summary>Whether it allows the action in exactly this repository.</summary>
    public bool Allows(string repository, string action) =>
        Access.Any(access => access.Repository == repository && access.Actions.Contains(action, StringComparer.Ordinal));
}

/// <summary>Actions in one repository.</summary>
/// <param name="Repository">Exact name; there are no wildcards.</param>
/// <param name="Actions">Of <see cref="GrantActions"/>.</param>
public sealed record GrantAccess(string Repository, IReadOnlyList<string> Actions);

/// <summary>What a grant can allow.</summary>
public static class GrantActions
{
    public const string Pull = "pull";
    public const string Push = "push";
    public const string Delete = "delete";

    /// <summary>To see all repositories' names, sizes and reasons, to run collections and to revoke grants: on <see cref="Registry"/> only, for operators.</summary>
    public const string Inspect = "inspect";

    /// <summary>Stands for the registry as a whole. No repository can have this name.</summary>
    public const string Registry = "registry:catalog";

    public static IReadOnlyList<string> All { get; } = [Pull, Push, Delete];
}
