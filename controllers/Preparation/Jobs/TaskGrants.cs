using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>The grant in the mounted Secret. It is read again for every token, because the controllers replace it before it ends.</summary>
internal sealed class TaskGrants(string folder, TimeProvider time) : IGrantSource
{
    // How long a new grant may go unnoticed.
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(2);

    public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken) =>
        new((await File.ReadAllTextAsync(Path.Combine(folder, PreparationTask.GrantKey), cancellationToken)).Trim(), time.GetUtcNow() + Freshness);
}
