namespace AiModels.ModelPack.Client;

/// <summary>Gives tokens for repositories. Implementations are thread-safe.</summary>
public interface IGrantSource
{
    /// <summary>
    /// A token that allows these actions (pull, push, delete) on the repository. Called once per request; wrap what is expensive in
    /// <see cref="CachingGrantSource"/>.
    /// </summary>
    ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken);

    /// <summary>The registry refused this token: do not give it again.</summary>
    void Invalidate(string repository, AccessToken token)
    {
    }
}

/// <summary>A bearer token and its end.</summary>
public sealed record AccessToken(string Token, DateTimeOffset ExpiresAt)
{
    // The token is a secret; it must not get into a log by way of ToString.
    public override string ToString() => $"AccessToken until {ExpiresAt:O}";
}

/// <summary>One token that somebody handed over, for instance in a Secret.</summary>
public sealed class StaticGrantSource(string token) : IGrantSource
{
    private readonly AccessToken _token = new(token, DateTimeOffset.MaxValue);

    public ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken) => new(_token);
}
