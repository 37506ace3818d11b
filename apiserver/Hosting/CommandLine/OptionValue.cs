using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AiModels.Hosting.CommandLine;

/// <summary>Between the text of an option and its value. The same rules wherever the text came from.</summary>
internal static partial class OptionValue
{
    /// <summary>Reads a value. <paramref name="origin"/> is how the user named it: --secure-port, or the variable, or the file.</summary>
    public static object Parse(OptionDescriptor option, IReadOnlyList<string> texts, string origin)
    {
        if (option.IsList) return ParseList(option, texts);
        string text = texts[^1];
        Type type = option.ValueType;
        if (type == typeof(string)) return text;
        if (type == typeof(bool)) return bool.TryParse(text, out bool flag) ? flag : throw Bad(origin, text, "true or false");
        if (option.IsBytes) return ByteSize.TryParse(text, out long bytes) ? Convert.ChangeType(bytes, type, CultureInfo.InvariantCulture) : throw Bad(origin, text, "a size such as 512MiB or 200Gi");
        if (type == typeof(int)) return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int i) ? i : throw Bad(origin, text, "a whole number");
        if (type == typeof(long)) return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long l) ? l : throw Bad(origin, text, "a whole number");
        if (type == typeof(double)) return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double d) ? d : throw Bad(origin, text, "a number");
        if (type == typeof(TimeSpan)) return ParseDuration(text) ?? throw Bad(origin, text, "a duration such as 30s, 5m or 1h30m");
        if (type == typeof(Uri)) return Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) ? uri : throw Bad(origin, text, "an absolute URL");
        if (type.IsEnum) return ParseEnum(type, text) ?? throw Bad(origin, text, "one of " + string.Join(", ", Enum.GetNames(type)));
        throw new InvalidOperationException($"options of type {type.Name} are not supported ({option.Name})");
    }

    /// <summary>A default as --help shows it; empty when there is nothing to show.</summary>
    public static string Format(object? value) => value switch
    {
        null or "" or false => "",
        true => "true",
        TimeSpan duration => FormatDuration(duration),
        string text => text,
        IEnumerable<string> list => string.Join(',', list),
        IEnumerable => "",
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static object ParseList(OptionDescriptor option, IReadOnlyList<string> texts)
    {
        string[] items = [.. texts.SelectMany(t => t.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
        return option.ValueType == typeof(List<string>) ? items.ToList() : items;
    }

    private static object? ParseEnum(Type type, string text) =>
        Enum.GetNames(type).FirstOrDefault(n => n.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name ? Enum.Parse(type, name) : null;

    private static TimeSpan? ParseDuration(string text)
    {
        if (text == "0") return TimeSpan.Zero;
        Match match = DurationPattern().Match(text);
        if (!match.Success || text.Length == 0) return null;
        double Part(int group) => match.Groups[group].Success ? double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;
        return TimeSpan.FromMilliseconds((Part(1) * 3_600_000) + (Part(2) * 60_000) + (Part(3) * 1_000) + Part(4));
    }

    private static string FormatDuration(TimeSpan value)
    {
        if (value < TimeSpan.FromSeconds(1)) return value == TimeSpan.Zero ? "0" : $"{value.TotalMilliseconds:0.###}ms";
        string hours = value.TotalHours >= 1 ? $"{(long)value.TotalHours}h" : "";
        string minutes = value.Minutes > 0 ? $"{value.Minutes}m" : "";
        double seconds = value.TotalSeconds % 60;
        return hours + minutes + (seconds > 0 ? $"{seconds:0.###}s" : "");
    }

    private static BadOptionException Bad(string origin, string text, string right) => new($"{origin}: '{text}' is not {right}");

    [GeneratedRegex(@"^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$")]
    private static partial Regex DurationPattern();
}
