using System.Collections.Concurrent;

namespace AiModels.ModelPack.Client;

/// <summary>
/// Keeps tokens until shortly before they end. Two requests that need a new token at the same time share one call.
/// </summary>
public sealed class CachingGrantSource(IGrantSource inner, TimeProvider time) : IGrantSource
{
    // A minute: a request that starts with the token must also have been checked by the registry before it ends, clocks being a little apart.
    private static readonly TimeSpan RefreshBefore = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Lazy<Task<AccessToken>>> _tokens = new(StringComparer.Ordinal);

    public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
    {
        string key = Key(repository, actions);
        while (true)
        {
            // The shared call is not cancelled with whoever happened to ask first.
            Lazy<Task<AccessToken>> cached = _tokens.GetOrAdd(
                key, _ => new Lazy<Task<AccessToken>>(() => inner.GetTokenAsync(repository, actions, CancellationToken.None).AsTask()));
            AccessToken token;
            bool isNew = !cached.IsValueCreated;
            try
            {
                token = await cached.Value.WaitAsync(cancellationToken);
            }
            catch when (cached.IsValueCreated && (cached.Value.IsFaulted || cached.Value.IsCanceled))
            {
                _tokens.TryRemove(KeyValuePair.Create(key, cached));
                throw;
            }

            // A token whose whole life is shorter than the margin is used as it came.
            if (isNew || token.ExpiresAt == DateTimeOffset.MaxValue || token.ExpiresAt - RefreshBefore > time.GetUtcNow())
            {
                return token;
            }

            _tokens.TryRemove(KeyValuePair.Create(key, cached));
        }
    }

    public void Invalidate(string repository, AccessToken token)
    {
        foreach ((string key, Lazy<Task<AccessToken>> cached) in _tokens)
        {
            if (key.StartsWith(repository + " ", StringComparison.Ordinal) && cached.IsValueCreated && cached.Value.IsCompletedSuccessfully && cached.Value.Result == token)
            {
                _tokens.TryRemove(KeyValuePair.Create(key, cached));
            }
        }

        inner.Invalidate(repository, token);
    }

    private static string Key(string repository, IReadOnlyCollection<string> actions) => repository + " " + string.Join(',', actions.Order(StringComparer.Ordinal));
}
