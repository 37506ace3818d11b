using System.Text;

namespace AiModels.Controllers.Preparation.Capabilities;

/// <summary>The YAML block at the top of a README.md, where an author declares what the model is for.</summary>
internal static class ModelCard
{
    /// <summary>The declared pipeline_tag, or null. Only a plain top-level scalar counts: anything else is not what hubs write there.</summary>
    public static string? Task(ReadOnlySpan<byte> readme)
    {
        using var reader = new StringReader(Encoding.UTF8.GetString(readme).TrimStart('\uFEFF'));
        if (reader.ReadLine()?.TrimEnd() != "---")
        {
            return null;
        }

        while (reader.ReadLine() is { } line && line.TrimEnd() != "---")
        {
            if (line.StartsWith("pipeline_tag:", StringComparison.Ordinal))
            {
                string task = line["pipeline_tag:".Length..].Split(" #")[0].Trim().Trim('"', '\'');
                return task.Length is > 0 and <= 128 ? task : null;
            }
        }

        return null;
    }
}
