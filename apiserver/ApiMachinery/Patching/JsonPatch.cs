using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Patching;

/// <summary>JSON patch (RFC 6902) with the limits of Kubernetes (contract P4).</summary>
public static class JsonPatch
{
    /// <summary>Operations accepted in one patch.</summary>
    public const int MaximumOperations = 10000;

    // 3 MiB, as for request bodies: copy would otherwise double a document with every operation.
    private const int MaximumCopiedBytes = 3 * 1024 * 1024;

    /// <summary>The patched object. Neither argument is changed. All operations succeed, or none has an effect.</summary>
    /// <exception cref="PatchException">Malformed patch, failed operation, or too large.</exception>
    public static JsonObject Apply(JsonObject target, JsonNode? patch)
    {
        if (patch is null)
        {
            return target.DeepClone().AsObject(); // No operations, as upstream's decoder has it.
        }

        if (patch is not JsonArray operations)
        {
            throw PatchException.Malformed($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(patch)} into Go value of type []handlers.jsonPatchOp");
        }

        if (operations.Count > MaximumOperations)
        {
            throw new PatchException(
                PatchProblem.TooLarge, $"The allowed maximum operations in a JSON patch is {MaximumOperations}, got {operations.Count}");
        }

        if (operations.FirstOrDefault(operation => operation is not (null or JsonObject)) is { } other)
        {
            throw PatchException.Malformed($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(other)} into Go value of type handlers.jsonPatchOp");
        }

        JsonNode? document = target.DeepClone();
        long copied = 0;
        foreach (JsonNode? operation in operations)
        {
            document = ApplyOne(document, operation, ref copied);
        }

        return document as JsonObject ?? throw PatchException.Rejected("json patch replaced the object by something that is none");
    }

    private static JsonNode? ApplyOne(JsonNode? document, JsonNode? node, ref long copied)
    {
        JsonObject operation = node as JsonObject ?? throw PatchException.Rejected("json patch operation is not an object");
        string op = Field(operation, "op");
        JsonPointer path = JsonPointer.Parse(Field(operation, "path"));
        switch (op)
        {
            case "add":
                return Add(document, path, Value(operation));
            case "remove":
                return Remove(document, path, out _);
            case "replace":
                return Add(Remove(document, path, out _), path, Value(operation), isReplacement: true);
            case "move":
                JsonPointer from = JsonPointer.Parse(Field(operation, "from"));
                if (path.IsInside(from) && path.Steps.Count > from.Steps.Count)
                {
                    throw PatchException.Rejected($"json patch cannot move \"{from.Text}\" into itself");
                }

                document = Remove(document, from, out JsonNode? moved);
                return Add(document, path, moved);
            case "copy":
                JsonNode? copy = Find(document, JsonPointer.Parse(Field(operation, "from")))?.DeepClone();
                copied += copy?.ToJsonString().Length ?? 4;
                if (copied > MaximumCopiedBytes)
                {
                    throw new PatchException(
                        PatchProblem.TooLarge, $"Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MaximumCopiedBytes}");
                }

                return Add(document, path, copy);
            case "test":
                // A field that is absent equals null, as upstream's library has it.
                JsonNode? expected = Value(operation);
                return JsonNode.DeepEquals(FindOrNull(document, path, expected is null), expected)
                    ? document
                    : throw PatchException.Rejected($"testing value {path.Text} failed: test failed");
            default:
                throw PatchException.Rejected($"json patch: unexpected kind: {op}");
        }
    }

    private static JsonNode? Add(JsonNode? document, JsonPointer path, JsonNode? value, bool isReplacement = false)
    {
        if (path.IsRoot)
        {
            return value;
        }

        switch (path.FindParent(document ?? throw path.Missing()))
        {
            case JsonObject parent:
                parent[path.Last] = value;
                break;
            case JsonArray list when path.Last == "-" && !isReplacement:
                list.Add(value);
                break;
            case JsonArray list:
                list.Insert(path.ParseIndex(path.Last, list.Count), value);
                break;
        }

        return document;
    }

    private static JsonNode? Remove(JsonNode? document, JsonPointer path, out JsonNode? removed)
    {
        if (path.IsRoot)
        {
            removed = document;
            return null;
        }

        switch (path.FindParent(document ?? throw path.Missing()))
        {
            case JsonObject parent:
                removed = parent.TryGetPropertyValue(path.Last, out JsonNode? value) ? value : throw path.Missing();
                parent.Remove(path.Last);
                break;
            case JsonArray list:
                int index = path.ParseIndex(path.Last, list.Count - 1);
                removed = list[index];
                list.RemoveAt(index);
                break;
            default:
                throw path.Missing();
        }

        return document;
    }

    private static JsonNode? Find(JsonNode? document, JsonPointer path) =>
        path.IsRoot ? document : path.Find(document ?? throw path.Missing());

    private static JsonNode? FindOrNull(JsonNode? document, JsonPointer path, bool mayBeMissing)
    {
        try
        {
            return Find(document, path);
        }
        catch (PatchException) when (mayBeMissing)
        {
            return null;
        }
    }

    private static string Field(JsonObject operation, string name) =>
        operation[name] is JsonValue value && value.TryGetValue(out string? text)
            ? text
            : throw PatchException.Rejected($"json patch operation has no \"{name}\"");

    private static JsonNode? Value(JsonObject operation) =>
        operation.TryGetPropertyValue("value", out JsonNode? value)
            ? value?.DeepClone()
            : throw PatchException.Rejected("json patch operation has no \"value\"");
}
