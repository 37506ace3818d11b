namespace AiModels.Contracts.V1Alpha1;

/// <summary>A list that is merged by key (x-kubernetes-list-type: map), so that several writers can own entries of it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ListMapAttribute(params string[] keys) : Attribute
{
    /// <summary>x-kubernetes-list-map-keys, as the fields are spelled in JSON.</summary>
    public IReadOnlyList<string> Keys { get; } = keys;
}

/// <summary>A list whose items are from a fixed set.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AllowedItemsAttribute(params string[] values) : Attribute
{
    /// <summary>The items that are allowed.</summary>
    public IReadOnlyList<string> Values { get; } = values;
}

/// <summary>A list of strings of bounded length, in characters.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ItemLengthAttribute(int minimum, int maximum) : Attribute
{
    public int Minimum { get; } = minimum;
    public int Maximum { get; } = maximum;
}
