using System.Diagnostics.CodeAnalysis;

namespace AiModels.ModelPack.Oci;

/// <summary>
/// A repository with a tag or a digest, as <c>repository[:tag][@digest]</c>. The rules for names are the distribution specification's
/// (https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests), read by hand so that no input can make them slow.
/// </summary>
public sealed record Reference
{
    // 255: the limit most clients put on host and repository together.
    private const int MaxRepositoryLength = 255;
    private const int MaxTagLength = 128;

    public required string Repository { get; init; }
    public string? Tag { get; init; }
    public Digest Digest { get; init; }

    /// <summary>What stands after <c>manifests/</c> in a URL: the digest when there is one, else the tag.</summary>
    public string Target => Digest.IsSet ? Digest.ToString() : Tag ?? throw new InvalidOperationException($"{Repository} has neither tag nor digest.");

    public static Reference Parse(string text) =>
        TryParse(text, out Reference? reference) ? reference : throw new FormatException($"'{text}' is not a reference: want repository, repository:tag or repository@digest.");

    public static bool TryParse(string? text, [NotNullWhen(true)] out Reference? reference)
    {
        reference = null;
        if (text is null)
        {
            return false;
        }

        Digest digest = default;
        int at = text.IndexOf('@');
        if (at >= 0)
        {
            if (!Digest.TryParse(text[(at + 1)..], out digest))
            {
                return false;
            }

            text = text[..at];
        }

        string? tag = null;
        int colon = text.IndexOf(':');
        if (colon >= 0)
        {
            tag = text[(colon + 1)..];
            text = text[..colon];
            if (!IsTag(tag))
            {
                return false;
            }
        }

        if (!IsRepository(text))
        {
            return false;
        }

        reference = new Reference { Repository = text, Tag = tag, Digest = digest };
        return true;
    }

    /// <summary>Whether the text is a repository name: lower-case path components joined by '/', each letters and digits joined by '.', '_', '__' or dashes.</summary>
    public static bool IsRepository([NotNullWhen(true)] string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > MaxRepositoryLength)
        {
            return false;
        }

        int position = 0;
        while (true)
        {
            int end = text.IndexOf('/', position);
            if (!IsComponent(text.AsSpan(position, (end < 0 ? text.Length : end) - position)))
            {
                return false;
            }

            if (end < 0)
            {
                return true;
            }

            position = end + 1;
        }
    }

    /// <summary>Whether the text is a tag.</summary>
    public static bool IsTag([NotNullWhen(true)] string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > MaxTagLength || text[0] is '.' or '-')
        {
            return false;
        }

        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
            {
                return false;
            }
        }

        return true;
    }

    public override string ToString() => Repository + (Tag is null ? "" : ":" + Tag) + (Digest.IsSet ? "@" + Digest : "");

    private static bool IsComponent(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || !IsAlphanumeric(text[0]) || !IsAlphanumeric(text[^1]))
        {
            return false;
        }

        for (int i = 0; i < text.Length;)
        {
            if (IsAlphanumeric(text[i]))
            {
                i++;
                continue;
            }

            int start = i;
            char separator = text[i];
            while (i < text.Length && text[i] == separator)
            {
                i++;
            }

            int run = i - start;
            bool valid = separator switch { '.' => run == 1, '_' => run <= 2, '-' => true, _ => false };
            if (!valid || i == text.Length || !IsAlphanumeric(text[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsAlphanumeric(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
