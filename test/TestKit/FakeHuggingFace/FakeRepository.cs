using System.Collections.Concurrent;

namespace AiModels.TestKit.FakeHuggingFace;

/// <summary>A repository of the fake hub: commits, and names that stand for them.</summary>
public sealed class FakeRepository
{
    private readonly ConcurrentDictionary<string, SortedDictionary<string, FakeContent>> _commits = [];

    internal FakeRepository(string name) => Name = name;

    /// <summary>owner/name, or name alone.</summary>
    public string Name { get; }

    /// <summary>Names it had before.</summary>
    public HashSet<string> FormerNames { get; } = [];

    /// <summary>Branches, tags and refs/pr/N, each to its commit. Commits stand for themselves.</summary>
    public ConcurrentDictionary<string, string> Revisions { get; } = [];

    /// <summary>The token that may read it; null for a public one.</summary>
    public string? Token { get; set; }

    /// <summary>Everybody sees that it is there; its files are for the token alone.</summary>
    public bool IsGated { get; set; }

    /// <summary>The hub has closed it.</summary>
    public bool IsDisabled { get; set; }

    /// <summary>What the CDN has instead of a file's content, by path: a store that lost or damaged something.</summary>
    public ConcurrentDictionary<string, FakeContent> Stored { get; } = [];

    /// <summary>Puts a new commit onto a branch; returns it.</summary>
    public string Commit(string branch, params (string Path, FakeContent Content)[] files)
    {
        string commit = FakeContent.GitOidOf(System.Text.Encoding.UTF8.GetBytes($"{Name} {branch} {_commits.Count}"));
        var tree = new SortedDictionary<string, FakeContent>(StringComparer.Ordinal);
        foreach ((string path, FakeContent content) in files)
        {
            tree[path] = content;
        }

        _commits[commit] = tree;
        Revisions[branch] = commit;
        return commit;
    }

    internal string? Find(string revision) => _commits.ContainsKey(revision) ? revision : Revisions.GetValueOrDefault(revision);

    internal IReadOnlyDictionary<string, FakeContent> Files(string commit) => _commits[commit];

    /// <summary>The content behind "commit/path", as the CDN has it.</summary>
    internal FakeContent? FindStored(string commitAndPath)
    {
        int slash = commitAndPath.IndexOf('/', StringComparison.Ordinal);
        string path = commitAndPath[(slash + 1)..];
        return Stored.GetValueOrDefault(path) ?? (_commits.GetValueOrDefault(commitAndPath[..slash]) is { } tree ? tree.GetValueOrDefault(path) : null);
    }
}
