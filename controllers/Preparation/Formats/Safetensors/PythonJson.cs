namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>
/// Python's json module writes NaN, Infinity and -Infinity, which JSON does not have (time_step_limit of Mamba models, for one). Nothing that is read here
/// has such a value, so they become null.
/// </summary>
internal static class PythonJson
{
    private static readonly byte[][] Words = ["-Infinity"u8.ToArray(), "Infinity"u8.ToArray(), "NaN"u8.ToArray()];

    public static ReadOnlyMemory<byte> WithoutSpecialNumbers(ReadOnlyMemory<byte> json)
    {
        if (json.Span.IndexOf("NaN"u8) < 0 && json.Span.IndexOf("Infinity"u8) < 0)
        {
            return json;
        }

        byte[] copy = json.ToArray();
        bool isText = false;
        for (int i = 0; i < copy.Length; i++)
        {
            if (copy[i] == '"')
            {
                isText = !isText;
            }
            else if (isText)
            {
                // A backslash takes the next character with it, a quote above all.
                i += copy[i] == '\\' ? 1 : 0;
            }
            else if (Array.Find(Words, word => copy.AsSpan(i).StartsWith(word)) is { } word)
            {
                copy.AsSpan(i, word.Length).Fill((byte)' ');
                (word.Length >= 4 ? "null"u8 : "0"u8).CopyTo(copy.AsSpan(i));
                i += word.Length - 1;
            }
        }

        return copy;
    }
}
