using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>Doc comments of types and properties, from the XML file that the compiler writes beside an assembly. Without the file there are none.</summary>
internal static partial class XmlDocumentation
{
    private static readonly ConcurrentDictionary<Assembly, IReadOnlyDictionary<string, XElement>> Files = new();

    public static string? OfType(Type type) => Find(type.Assembly, $"T:{NameOf(type)}");

    public static string? OfProperty(PropertyInfo property) =>
        Find(property.DeclaringType!.Assembly, $"P:{NameOf(property.DeclaringType)}.{property.Name}");

    private static string NameOf(Type type) => (type.FullName ?? type.Name).Replace('+', '.');

    private static string? Find(Assembly assembly, string member) =>
        Files.GetOrAdd(assembly, Load).TryGetValue(member, out XElement? element) && element.Element("summary") is { } summary
            ? Blank().Replace(TextOf(summary), " ").Trim()
            : null;

    private static IReadOnlyDictionary<string, XElement> Load(Assembly assembly)
    {
        // AppContext.BaseDirectory and not Assembly.Location: the latter is empty in a single-file program.
        string file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        return File.Exists(file)
            ? XDocument.Load(file).Descendants("member").Where(member => member.Attribute("name") is not null).ToDictionary(member => member.Attribute("name")!.Value)
            : new Dictionary<string, XElement>();
    }

    /// <summary>Plain text: references become the name of what they refer to.</summary>
    private static string TextOf(XElement element) => string.Concat(element.Nodes().Select(node => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "para" } paragraph => " " + TextOf(paragraph) + " ",
        XElement { IsEmpty: true } reference => (reference.Attribute("cref") ?? reference.Attribute("langword") ?? reference.Attribute("name"))?.Value.Split('.', ':')[^1] ?? "",
        XElement inner => TextOf(inner),
        _ => "",
    }));

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
