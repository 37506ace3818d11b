using System.Text;

namespace AiModels.Hosting.CommandLine;

/// <summary>What --help prints.</summary>
internal static class HelpText
{
    private const int Width = 110;

    /// <param name="others">Verbs beside the one without a name.</param>
    public static string ForVerb(string program, CommandVerb verb, string component, IReadOnlyList<CommandVerb> others)
    {
        var text = new StringBuilder();
        text.AppendLine(verb.Description).AppendLine();
        text.AppendLine($"Usage: {program}{(verb.Name.Length > 0 ? " " + verb.Name : "")} [options]").AppendLine();
        if (others.Count > 0)
        {
            text.AppendLine("Commands:");
            foreach (CommandVerb other in others) Entry(text, other.Name, $"{other.Description} '{program} {other.Name} --help' lists its options.");
            text.AppendLine();
        }

        text.AppendLine("Options:");
        object defaults = Activator.CreateInstance(verb.OptionsType)!;
        foreach (OptionDescriptor option in verb.Options)
        {
            string value = OptionValue.Format(option.Property.GetValue(defaults));
            string remark = option.IsRequired && value.Length == 0 ? " (required)" : value.Length > 0 ? $" (default: {value})" : "";
            Entry(text, $"--{option.Name}" + (option.Placeholder.Length > 0 ? " " + option.Placeholder : ""), option.Description + remark);
        }

        Entry(text, "--config FILE", "YAML file with the same options, without dashes: 'name: value'.");
        Entry(text, "--help", "Print this text.");
        Entry(text, "--version", "Print the version.");
        text.AppendLine();
        text.AppendLine($"Every option can also be set in the environment (AIMODELS_{component.Replace('-', '_').ToUpperInvariant()}_NAME, with _ for -) or in the --config file.");
        text.AppendLine("The command line wins over the environment, the environment over the file.");
        return text.ToString();
    }

    public static string ForProgram(string program, string description, IReadOnlyList<CommandVerb> verbs)
    {
        var text = new StringBuilder();
        text.AppendLine(description).AppendLine();
        text.AppendLine($"Usage: {program} {(verbs.Count == 1 ? verbs[0].Name : "COMMAND")} [options]").AppendLine();
        text.AppendLine("Commands:");
        int width = verbs.Max(v => v.Name.Length);
        foreach (CommandVerb verb in verbs) text.AppendLine($"  {verb.Name.PadRight(width)}  {verb.Description}");
        text.AppendLine().AppendLine($"'{program} COMMAND --help' lists a command's options.");
        return text.ToString();
    }

    private static void Entry(StringBuilder text, string left, string right)
    {
        const int indent = 8;
        text.Append("  ").AppendLine(left);
        string line = "";
        foreach (string word in right.Split(' '))
        {
            if (line.Length > 0 && indent + line.Length + 1 + word.Length > Width)
            {
                text.Append(' ', indent).AppendLine(line);
                line = "";
            }

            line += (line.Length > 0 ? " " : "") + word;
        }

        text.Append(' ', indent).AppendLine(line);
    }
}
