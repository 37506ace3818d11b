namespace AiModels.Hosting.CommandLine;

/// <summary>
/// Makes a settable property of an options class an option of the command line, of the environment and of the configuration file.
/// The property's initializer is the default; DataAnnotations on it ([Required], [Range], …) are checked after binding.
/// Types: string, bool, int, long, double, TimeSpan (30s, 5m, 1h30m), Uri, enums, and lists of strings (repeated, or comma-separated).
/// </summary>
/// <param name="description">One sentence for --help, without the default (it is appended).</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string description) : Attribute
{
    public string Description { get; } = description;

    /// <summary>Name without dashes. Default: the property's name in kebab case (SecurePort: secure-port).</summary>
    public string? Name { get; set; }

    /// <summary>What stands for the value in --help: FILE, DIR, PORT, URL. Default: from the type.</summary>
    public string? Placeholder { get; set; }

    /// <summary>The number is a count of bytes: 16MiB, 200Gi and 1GB are understood.</summary>
    public bool Bytes { get; set; }
}
