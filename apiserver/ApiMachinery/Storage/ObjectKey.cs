namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// Where an object is: group, resource, namespace (empty for cluster scope) and name.
/// As a string: <c>/group/resource/namespace/name</c> or <c>/group/resource/name</c>, so that a bytewise order of keys is the order of lists (contract L2).
/// The core group is written <c>core</c>. No part may hold a slash: names were validated before they come here.
/// </summary>
public readonly record struct ObjectKey(string Group, string Resource, string Namespace, string Name)
{
    /// <summary>Reads what <see cref="ToString"/> wrote. Throws <see cref="FormatException"/> for anything else.</summary>
    public static ObjectKey Parse(string path)
    {
        string[] parts = path.Split('/');
        return parts.Length is 4 or 5 && parts[0].Length == 0
            ? new ObjectKey(parts[1] == "core" ? "" : parts[1], parts[2], parts.Length == 5 ? parts[3] : "", parts[^1])
            : throw new FormatException($"'{path}' is not an object key: want /group/resource/name or /group/resource/namespace/name.");
    }

    public override string ToString() => PrefixOf(Group, Resource, Namespace) + Name;

    /// <summary>Prefix of all objects of a resource, or of one namespace of it. Ends with a slash.</summary>
    public static string PrefixOf(string group, string resource, string @namespace = "")
    {
        string g = group.Length == 0 ? "core" : group;
        return @namespace.Length == 0 ? $"/{g}/{resource}/" : $"/{g}/{resource}/{@namespace}/";
    }
}
