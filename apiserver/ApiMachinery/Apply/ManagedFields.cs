using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Apply;

/// <summary>metadata.managedFields: reading and writing the list of owners (contract M1, M2, M4, M7).</summary>
internal static class ManagedFields
{
    /// <summary>Entries of updates that are kept apart; older ones beyond that are merged.</summary>
    public const int MaximumUpdateEntries = 10;
    private const string AncientManager = "ancient-changes";

    /// <summary>Reads the list. Null when it cannot be understood as a whole; empty when there is none.</summary>
    public static Dictionary<FieldOwner, Ownership>? Decode(JsonNode? list)
    {
        var owners = new Dictionary<FieldOwner, Ownership>();
        foreach (JsonNode? node in list as JsonArray ?? [])
        {
            string operation = Text(node, "operation"), version = Text(node, "apiVersion"), fieldsType = Text(node, "fieldsType");
            if (node is not JsonObject entry || operation is not ("Apply" or "Update") || version.Length == 0 || fieldsType != "FieldsV1")
            {
                return null;
            }

            FieldOwner owner = operation == "Apply"
                ? FieldOwner.Applier(Text(entry, "manager"), Text(entry, "subresource"))
                : FieldOwner.Updater(Text(entry, "manager"), version, Text(entry, "subresource"));
            try
            {
                owners[owner] = new Ownership(FieldSet.FromJson(entry["fieldsV1"] as JsonObject ?? []), version, Text(entry, "time"));
            }
            catch (FormatException)
            {
                return null;
            }
        }

        return owners;
    }

    /// <summary>Writes the list; null when nobody owns anything.</summary>
    public static JsonArray? Encode(Dictionary<FieldOwner, Ownership> owners)
    {
        IEnumerable<KeyValuePair<FieldOwner, Ownership>> sorted = owners
            .Where(entry => !entry.Value.Fields.IsEmpty)
            .OrderBy(entry => entry.Key.IsApply ? 0 : 1)
            .ThenBy(entry => entry.Value.Time, StringComparer.Ordinal)
            .ThenBy(entry => entry.Key.Manager, StringComparer.Ordinal)
            .ThenBy(entry => entry.Value.Version, StringComparer.Ordinal)
            .ThenBy(entry => entry.Key.Subresource, StringComparer.Ordinal);
        var list = new JsonArray();
        foreach ((FieldOwner owner, Ownership ownership) in sorted)
        {
            list.Add(Entry(owner, ownership));
        }

        return list.Count == 0 ? null : list;
    }

    /// <summary>Merges the oldest updates beyond the maximum into one entry a version.</summary>
    public static void Cap(Dictionary<FieldOwner, Ownership> owners)
    {
        List<KeyValuePair<FieldOwner, Ownership>> updates =
        [
            .. owners.Where(entry => !entry.Key.IsApply)
                .OrderBy(entry => entry.Value.Time, StringComparer.Ordinal).ThenBy(entry => entry.Key.Manager, StringComparer.Ordinal),
        ];
        int excess = updates.Count - MaximumUpdateEntries;
        foreach ((FieldOwner owner, Ownership ownership) in updates)
        {
            // A bucket that is already there takes no new place; merging into one frees one.
            if (excess <= 0)
            {
                return;
            }

            FieldOwner bucket = FieldOwner.Updater(AncientManager, ownership.Version, "");
            if (owner == bucket)
            {
                continue;
            }

            owners.Remove(owner);
            bool isNew = !owners.TryGetValue(bucket, out Ownership? ancient);
            owners[bucket] = isNew
                ? ownership
                : ancient! with { Fields = ancient.Fields.Union(ownership.Fields), Time = Later(ancient.Time, ownership.Time) };
            excess -= isNew ? 0 : 1;
        }
    }

    /// <summary>Whether a list says "forget all owners": one entry with nothing in it (contract M9).</summary>
    public static bool IsReset(JsonNode? list) =>
        list is JsonArray { Count: 1 } entries && entries[0] is JsonObject entry && entry.All(field => field.Value is null or JsonObject { Count: 0 } || field.Value.ToString().Length == 0);

    private static JsonObject Entry(FieldOwner owner, Ownership ownership)
    {
        var entry = new JsonObject { ["manager"] = owner.Manager, ["operation"] = owner.IsApply ? "Apply" : "Update", ["apiVersion"] = ownership.Version };
        if (ownership.Time.Length > 0)
        {
            entry["time"] = ownership.Time;
        }

        entry["fieldsType"] = "FieldsV1";
        entry["fieldsV1"] = ownership.Fields.ToJson();
        if (owner.Subresource.Length > 0)
        {
            entry["subresource"] = owner.Subresource;
        }

        return entry;
    }

    // Stored times are UTC with whole seconds, so their order is that of their text.
    private static string Later(string first, string second) => string.CompareOrdinal(first, second) >= 0 ? first : second;

    private static string Text(JsonNode? node, string name) => ((node as JsonObject)?[name] as JsonValue)?.ToString() ?? "";
}
