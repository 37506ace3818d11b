using AiModels.ModelPack.Client;
using AiModels.ModelPack.Grants;

namespace AiModels.ApiServer.Registry;

/// <summary>Grants for the server's own work in the registry: it holds the key, so it signs them itself. Wrap it in <see cref="CachingGrantSource"/>.</summary>
internal sealed class SigningGrantSource(GrantKeyring keyring) : IGrantSource
{
    // Ten minutes: much longer than any single request, short enough that a leaked one is soon worthless.
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
    {
        GrantSigner signer = await keyring.SignerAsync(cancellationToken);
        string token = signer.Sign("apiserver", [new GrantAccess(repository, [.. actions])], Life, out DateTimeOffset expiresAt);
        return new AccessToken(token, expiresAt);
    }
}
