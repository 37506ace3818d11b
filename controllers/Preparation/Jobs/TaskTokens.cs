using AiModels.Controllers.Preparation.Sources;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>From the mounted Secret: a Job may read no Secret of a user's namespace.</summary>
internal sealed class TaskTokens(string folder) : ISourceTokens
{
    public async Task<(string? Token, string? Missing)> FindAsync(ModelObject model, CancellationToken cancellationToken)
    {
        string file = Path.Combine(folder, PreparationTask.SourceTokenKey);
        return (File.Exists(file) ? await File.ReadAllTextAsync(file, cancellationToken) : null, null);
    }
}
