using AiModels.ModelPack.Client;

namespace AiModels.NodeAgent.Registry;

/// <summary>A grant in a file, for instance of a mounted Secret. The file is read for each request, because whoever put it there may put a fresh one.</summary>
internal sealed class FileGrantSource(string path) : IGrantSource
{
    public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
    {
        string token = (await File.ReadAllTextAsync(path, cancellationToken)).Trim();
        return token.Length > 0 ? new AccessToken(token, DateTimeOffset.MaxValue) : throw new IOException($"the grant file {path} is empty");
    }
}
