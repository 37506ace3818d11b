using AiModels.ModelPack.Format;

namespace AiModels.ApiServer.Uploads;

/// <summary>What may be uploaded, by name and by first bytes (requirement P3). The two must agree.</summary>
internal static class UploadContent
{
    /// <summary>Enough to know every kind: a tar says so in its 257th byte.</summary>
    public const int HeadLength = 512;

    private static readonly Kind[] Kinds =
    [
        new("a GGUF file", [".gguf"], "model.gguf", head => head.StartsWith("GGUF"u8)),
        new("a zip archive", [".zip"], "model.zip", head => head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8)),
        new("a gzip-compressed tar archive", [".tar.gz", ".tgz"], "model.tar.gz", head => head.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b])),
        new("a zstd-compressed tar archive", [".tar.zst", ".tar.zstd", ".tzst"], "model.tar.zst", head => head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd])),
        new("a tar archive", [".tar"], "model.tar", head => head.Length >= 262 && head[257..262].SequenceEqual("ustar"u8)),
    ];

    /// <summary>Refuses a name that is no plain file name or has another extension. Null is no name.</summary>
    public static void CheckName(string? name)
    {
        if (name is null)
        {
            return;
        }

        if (name.Contains('/', StringComparison.Ordinal) || ModelPath.Problem(name) is not null)
        {
            throw UploadErrors.WrongContent($"the file name '{name}' {(name.Contains('/', StringComparison.Ordinal) ? "contains a slash" : ModelPath.Problem(name))}");
        }

        _ = KindOf(name);
    }

    /// <summary>
    /// The name the file gets: the one given, confirmed by its first bytes, or a plain one after what the bytes are.
    /// 422 when they do not agree, or are of no known kind.
    /// </summary>
    /// <param name="head">The first <see cref="HeadLength"/> bytes, fewer only when the file has no more.</param>
    public static string Confirm(string? name, ReadOnlySpan<byte> head)
    {
        Kind? actual = null;
        foreach (Kind kind in Kinds)
        {
            if (kind.Matches(head))
            {
                actual = kind;
                break;
            }
        }

        if (name is null)
        {
            return actual?.DefaultName ?? throw UploadErrors.WrongContent(
                "the content is neither GGUF nor tar, tar.gz, zip or tar.zst; nothing of it was kept");
        }

        Kind claimed = KindOf(name);
        return claimed == actual
            ? name
            : throw UploadErrors.WrongContent(
                $"'{name}' should be {claimed.Noun}, but its first bytes are those of {actual?.Noun ?? "something else"}; nothing of it was kept");
    }

    private static Kind KindOf(string name) =>
        Array.Find(Kinds, kind => Array.Exists(kind.Extensions, extension => name.Length > extension.Length && name.EndsWith(extension, StringComparison.OrdinalIgnoreCase)))
        ?? throw UploadErrors.WrongContent(
            $"the file name '{name}' has no extension that can be uploaded: want {string.Join(", ", Kinds.SelectMany(kind => kind.Extensions))}");

    private sealed record Kind(string Noun, string[] Extensions, string DefaultName, Magic Matches);

    private delegate bool Magic(ReadOnlySpan<byte> head);
}
