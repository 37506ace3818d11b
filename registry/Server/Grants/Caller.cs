using AiModels.ModelPack.Grants;

namespace AiModels.Registry.Grants;

/// <summary>Who asks, and what they may do.</summary>
internal sealed class Caller
{
    /// <summary>Everybody, where the registry was started without access control.</summary>
    public static readonly Caller Anonymous = new(null);

    private readonly Grant? _grant;

    private Caller(Grant? grant) => _grant = grant;

    /// <summary>Identifies the grant (its <c>jti</c>): what bytes are counted under.</summary>
    public string Id => _grant?.Id ?? "anonymous";

    /// <summary>The consumer the grant was made for (its <c>sub</c>): a Job, a node, a component.</summary>
    public string Subject => _grant?.Subject ?? "anonymous";

    /// <summary>When the grant ends.</summary>
    public DateTimeOffset Expires => _grant?.ExpiresAt ?? DateTimeOffset.MaxValue;

    /// <summary>May do everything everywhere.</summary>
    public bool IsUnrestricted => _grant is null;

    public static Caller Holding(Grant grant) => new(grant);

    /// <summary>Whether an action (<see cref="GrantActions"/>) is allowed on a repository.</summary>
    public bool Allows(string repository, string action) => _grant?.Allows(repository, action) ?? true;
}
