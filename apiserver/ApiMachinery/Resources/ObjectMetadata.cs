using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiMachinery.Resources;

/// <summary>The fields of metadata that belong to the server: set on create, kept on update, raised with the generation (contract C2, U5, U9).</summary>
internal static class ObjectMetadata
{
    public const string OrphanFinalizer = "orphan";
    public const string ForegroundFinalizer = "foregroundDeletion";
    private static readonly string[] SetByServer = ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"];

    /// <summary>metadata of an object, made when absent. Anything but an object is refused.</summary>
    public static JsonObject Of(JsonObject obj)
    {
        switch (obj["metadata"])
        {
            case JsonObject metadata:
                return metadata;
            case null:
                JsonObject added = [];
                obj["metadata"] = added;
                return added;
            default:
                throw ApiError.BadRequest("metadata must be an object");
        }
    }

    /// <summary>A string field of metadata; empty when absent. Another type is refused.</summary>
    public static string Text(JsonObject metadata, string field) => metadata[field] switch
    {
        null => "",
        JsonValue value when value.TryGetValue(out string? text) => text,
        _ => throw ApiError.BadRequest($"json: cannot unmarshal metadata.{field} into a string"),
    };

    public static string Timestamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    public static bool IsTerminating(JsonObject obj) => obj["metadata"]?["deletionTimestamp"] is not null;

    public static IReadOnlyList<string> Finalizers(JsonObject obj) =>
        obj["metadata"]?["finalizers"] is JsonArray list ? [.. list.Select(item => item is JsonValue value && value.TryGetValue(out string? text) ? text : "")] : [];

    /// <summary>Null means absent: typed clients send <c>creationTimestamp: null</c>.</summary>
    public static void DropNulls(JsonObject metadata)
    {
        foreach (string field in metadata.Where(field => field.Value is null).Select(field => field.Key).ToArray())
        {
            metadata.Remove(field);
        }

        // A label or annotation that is null is an empty one.
        foreach (string map in (ReadOnlySpan<string>)["labels", "annotations"])
        {
            foreach (string key in (metadata[map] as JsonObject ?? []).Where(entry => entry.Value is null).Select(entry => entry.Key).ToArray())
            {
                metadata[map]![key] = "";
            }
        }

        // What is empty is not kept, and so nobody's (omitempty of metav1.ObjectMeta).
        foreach (string field in (ReadOnlySpan<string>)["labels", "annotations", "ownerReferences", "finalizers", "generateName"])
        {
            if (metadata[field] is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (metadata[field] is JsonValue value && value.ToString().Length == 0))
            {
                metadata.Remove(field);
            }
        }
    }

    /// <summary>What a client sends for these is not asked for.</summary>
    public static void ClearServerFields(JsonObject metadata)
    {
        foreach (string field in SetByServer)
        {
            metadata.Remove(field);
        }
    }

    /// <summary>A newborn's fields.</summary>
    public static void Fill(JsonObject metadata, DateTimeOffset now)
    {
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = Timestamp(now);
        metadata["generation"] = 1L;
    }

    /// <summary>Puts the stored values over what an update sent (registry/rest/update.go BeforeUpdate). A deletionTimestamp for a live object stays, to be refused.</summary>
    public static void KeepServerFields(JsonObject metadata, JsonObject stored)
    {
        Keep(metadata, stored, "creationTimestamp");
        Keep(metadata, stored, "generation");
        metadata.Remove("selfLink");
        if (Text(metadata, "uid").Length == 0)
        {
            Keep(metadata, stored, "uid");
        }

        if (stored["deletionTimestamp"] is not null)
        {
            Keep(metadata, stored, "deletionTimestamp");
        }

        if (metadata["deletionGracePeriodSeconds"] is null)
        {
            Keep(metadata, stored, "deletionGracePeriodSeconds");
        }
    }

    /// <summary>generation + 1.</summary>
    public static void RaiseGeneration(JsonObject metadata) => metadata["generation"] = ((long?)metadata["generation"] ?? 0) + 1;

    /// <summary>Whether anything outside metadata and status differs.</summary>
    public static bool SpecDiffers(JsonObject current, JsonObject previous, bool hasStatus) =>
        !EqualFields(current, previous, field => field == "metadata" || (hasStatus && field == "status"));

    /// <summary>Whether an update changes nothing, times in managedFields aside (contract U6).</summary>
    public static bool IsUnchanged(JsonObject current, JsonObject previous) =>
        EqualFields(current, previous, field => field == "metadata")
        && EqualFields(Of(current), Of(previous), field => field is "managedFields" or "resourceVersion")
        && JsonNode.DeepEquals(Timeless(current), Timeless(previous));

    private static bool EqualFields(JsonObject left, JsonObject right, Func<string, bool> except)
    {
        foreach ((string name, JsonNode? value) in left)
        {
            if (!except(name) && !(right.TryGetPropertyValue(name, out JsonNode? other) && JsonNode.DeepEquals(value, other)))
            {
                return false;
            }
        }

        foreach ((string name, _) in right)
        {
            if (!except(name) && !left.ContainsKey(name))
            {
                return false;
            }
        }

        return true;
    }

    private static JsonNode? Timeless(JsonObject obj)
    {
        if (obj["metadata"]!["managedFields"] is not JsonArray { Count: > 0 } entries)
        {
            return null;
        }

        JsonArray copy = entries.DeepClone().AsArray();
        foreach (JsonNode? entry in copy)
        {
            (entry as JsonObject)?.Remove("time");
        }

        return copy;
    }

    private static void Keep(JsonObject metadata, JsonObject stored, string field)
    {
        if (stored[field] is { } value)
        {
            metadata[field] = value.DeepClone();
        }
        else
        {
            metadata.Remove(field);
        }
    }
}
