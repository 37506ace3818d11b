using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>The key of an item of a list of type map.</summary>
internal static class ListKey
{
    /// <summary>The key fields of an item with their values, sorted by name; absent ones take the schema's default or are left out.</summary>
    public static JsonObject Of(Schema list, JsonObject? item)
    {
        var key = new JsonObject();
        foreach (string name in list.ListMapKeys.Order(StringComparer.Ordinal))
        {
            JsonNode? value = item?[name] ?? (list.Items?.Properties.GetValueOrDefault(name)?.Default);
            if (value is not null)
            {
                key[name] = value.DeepClone();
            }
        }

        return key;
    }
}
