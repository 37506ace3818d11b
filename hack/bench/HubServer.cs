using AiModels.TestKit;
using AiModels.TestKit.FakeHuggingFace;

namespace AiModels.Bench;

/// <summary>The tests' fake of Hugging Face, serving the files of a folder as the repository owner/model, with TLS, until it is ended.</summary>
internal static class HubServer
{
    /// <param name="ready">Written when it serves, as lines for eval: HUB (base address) and HUB_CA (PEM file).</param>
    public static async Task RunAsync(string folder, string ready, CancellationToken cancellationToken)
    {
        (string, FakeContent)[] files = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => (Path.GetRelativePath(folder, path), Content(path)))];

        // The digests are what the real hub has in its database: known before anybody asks.
        Parallel.ForEach(files, file => _ = file.Item2.Sha256);
        await using FakeHub hub = await FakeHub.StartWithAsync(files);
        await File.WriteAllTextAsync(ready + ".new", $"HUB={hub.Endpoint}\nHUB_CA={TestAuthority.Shared.PemFile}\nHUB_COMMIT={hub.Model.Revisions["main"]}\n", cancellationToken);
        File.Move(ready + ".new", ready, overwrite: true);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static FakeContent Content(string path) => new FileInfo(path).Length < 1 << 20 ? FakeContent.Of(File.ReadAllBytes(path)) : FakeContent.OfFile(path);
}
