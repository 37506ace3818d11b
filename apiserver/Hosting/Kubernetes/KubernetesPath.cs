using System.Text;

namespace AiModels.Hosting.Kubernetes;

/// <summary>Builds request paths.</summary>
internal static class KubernetesPath
{
    /// <summary>apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE, relative to the server's URL.</summary>
    public static string Of(ResourceType type, string? ns, string? name = null, string? subresource = null)
    {
        var path = new StringBuilder(type.Group.Length == 0 ? $"api/{type.Version}/" : $"apis/{type.Group}/{type.Version}/");
        if (type.Namespaced && !string.IsNullOrEmpty(ns)) path.Append("namespaces/").Append(Uri.EscapeDataString(ns)).Append('/');
        path.Append(type.Plural);
        if (name != null) path.Append('/').Append(Uri.EscapeDataString(name));
        if (subresource != null) path.Append('/').Append(subresource);
        return path.ToString();
    }

    /// <summary>The path with those parameters that have a value.</summary>
    public static string WithQuery(string path, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var text = new StringBuilder(path);
        char separator = '?';
        foreach ((string name, string? value) in parameters)
        {
            if (string.IsNullOrEmpty(value)) continue;
            text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }

        return text.ToString();
    }
}
