using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AiModels.Hosting.CommandLine;

/// <summary>The YAML file of --config: a flat mapping from option names (secure-port) to scalars or lists of scalars.</summary>
internal static class ConfigurationFile
{
    /// <summary>Option name to its texts. <see cref="BadOptionException"/> when the file cannot be read or is not such a mapping.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Read(string path)
    {
        var values = new Dictionary<string, IReadOnlyList<string>>();
        foreach ((YamlNode key, YamlNode value) in Load(path))
        {
            string name = ((YamlScalarNode)key).Value ?? "";
            values[name] = value switch
            {
                YamlScalarNode scalar => [scalar.Value ?? ""],
                YamlSequenceNode list when list.Children.All(c => c is YamlScalarNode) => [.. list.Children.Select(c => ((YamlScalarNode)c).Value ?? "")],
                _ => throw new BadOptionException($"{path}: {name}: expected a value or a list of values"),
            };
        }

        return values;
    }

    private static IEnumerable<KeyValuePair<YamlNode, YamlNode>> Load(string path)
    {
        try
        {
            using StreamReader reader = File.OpenText(path);
            var stream = new YamlStream();
            stream.Load(reader);
            if (stream.Documents.Count == 0) return [];
            return stream.Documents[0].RootNode is YamlMappingNode map
                ? map.Children
                : throw new BadOptionException($"{path}: expected a mapping from option names to values, for instance 'bind-address: 127.0.0.1'");
        }
        catch (YamlException e)
        {
            throw new BadOptionException($"{path}:{e.Start.Line}: {e.InnerException?.Message ?? e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadOptionException($"--config: {e.Message}");
        }
    }
}
