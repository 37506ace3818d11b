using System.ComponentModel.DataAnnotations;

namespace AiModels.Hosting.CommandLine;

/// <summary>
/// Fills an options class: command line, then environment (AIMODELS_COMPONENT_OPTION), then the YAML file of --config, then the defaults on its properties.
/// </summary>
internal static class OptionBinder
{
    /// <summary>Binds and validates. Throws <see cref="BadOptionException"/> with the first thing that is wrong.</summary>
    /// <param name="given">Option name to the texts of the command line.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <param name="configFile">The YAML file, or null.</param>
    public static object Bind(
        Type type, IReadOnlyList<OptionDescriptor> options, IReadOnlyDictionary<string, IReadOnlyList<string>> given, Func<string, string?> environment, string? configFile)
    {
        var file = configFile == null ? new Dictionary<string, IReadOnlyList<string>>() : ConfigurationFile.Read(configFile);
        if (file.Keys.FirstOrDefault(k => options.All(o => o.Name != k)) is { } unknown)
            throw new BadOptionException($"{configFile}: unknown option '{unknown}'{Suggestion(unknown, options)}");

        object instance = Activator.CreateInstance(type)!;
        foreach (OptionDescriptor option in options)
        {
            if (given.TryGetValue(option.Name, out var texts)) Set(instance, option, texts, "--" + option.Name);
            else if (environment(option.EnvironmentName) is { Length: > 0 } text) Set(instance, option, [text], option.EnvironmentName);
            else if (file.TryGetValue(option.Name, out texts)) Set(instance, option, texts, $"{configFile}: {option.Name}");
        }

        Validate(instance, options);
        return instance;
    }

    /// <summary>", did you mean 'x'?" when an option's name is close to what was typed.</summary>
    public static string Suggestion(string typed, IReadOnlyList<OptionDescriptor> options)
    {
        var best = options.Select(o => (o.Name, Distance: Distance(typed, o.Name))).OrderBy(c => c.Distance).FirstOrDefault();
        return best.Name != null && best.Distance <= Math.Max(2, typed.Length / 4) ? $", did you mean '{best.Name}'?" : "";
    }

    private static void Set(object instance, OptionDescriptor option, IReadOnlyList<string> texts, string origin)
    {
        if (texts.Count > 0 || option.IsList) option.Property.SetValue(instance, OptionValue.Parse(option, texts, origin));
    }

    private static void Validate(object instance, IReadOnlyList<OptionDescriptor> options)
    {
        foreach (OptionDescriptor option in options)
        {
            var context = new ValidationContext(instance) { MemberName = option.Property.Name, DisplayName = "--" + option.Name };
            var results = new List<ValidationResult>();
            object? value = option.Property.GetValue(instance);
            if (option.IsRequired && value is null or "")
                throw new BadOptionException($"--{option.Name} is required ({option.Description.TrimEnd('.')})");
            if (!Validator.TryValidateProperty(value, context, results))
                throw new BadOptionException($"--{option.Name}: {results[0].ErrorMessage?.Replace("The field --" + option.Name, $"'{OptionValue.Format(value)}'", StringComparison.Ordinal).TrimEnd('.')}");
        }

        if (instance is IValidatableObject rules && rules.Validate(new ValidationContext(instance)).FirstOrDefault() is { ErrorMessage: { } message })
            throw new BadOptionException(message);
    }

    /// <summary>Levenshtein's edit distance.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }

        return row[^1];
    }
}
