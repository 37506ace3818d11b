using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text;

namespace AiModels.Hosting.CommandLine;

/// <summary>One option of an options class.</summary>
internal sealed class OptionDescriptor
{
    private OptionDescriptor(PropertyInfo property, OptionAttribute attribute, string component)
    {
        Property = property;
        Name = attribute.Name ?? Kebab(property.Name);
        EnvironmentName = $"AIMODELS_{component}_{Name}".Replace('-', '_').ToUpperInvariant();
        Description = attribute.Description;
        IsBytes = attribute.Bytes;
        IsRequired = property.GetCustomAttribute<RequiredAttribute>() != null;
        ValueType = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Placeholder = attribute.Placeholder ?? DefaultPlaceholder();
    }

    public PropertyInfo Property { get; }

    /// <summary>secure-port.</summary>
    public string Name { get; }

    /// <summary>AIMODELS_APISERVER_SECURE_PORT.</summary>
    public string EnvironmentName { get; }
    public string Description { get; }
    public string Placeholder { get; }
    public bool IsBytes { get; }
    public bool IsRequired { get; }

    /// <summary>The property's type without Nullable.</summary>
    public Type ValueType { get; }
    public bool IsFlag => ValueType == typeof(bool);
    public bool IsList => ValueType != typeof(string) && typeof(IEnumerable<string>).IsAssignableFrom(ValueType);

    /// <summary>The options of a class, in the order they are written there.</summary>
    public static IReadOnlyList<OptionDescriptor> Of(Type optionsType, string component) =>
    [
        .. optionsType.GetProperties(BindingFlags.Instance | BindingFlags.Public)
            .Select(p => (Property: p, Attribute: p.GetCustomAttribute<OptionAttribute>()))
            .Where(p => p.Attribute != null)
            .Select(p => new OptionDescriptor(p.Property, p.Attribute!, component)),
    ];

    private string DefaultPlaceholder()
    {
        if (IsFlag) return "";
        if (IsBytes) return "SIZE";
        if (ValueType == typeof(TimeSpan)) return "DURATION";
        if (ValueType == typeof(Uri)) return "URL";
        if (ValueType.IsEnum) return string.Join('|', Enum.GetNames(ValueType));
        if (IsList) return "LIST";
        return ValueType == typeof(string) ? "TEXT" : "N";
    }

    private static string Kebab(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('-');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
